-- one row per campaign, weekday and hour in its own time zone at which e-mails and events show sends
-- A reply counts for the last e-mail before it. Campaigns without a known time zone are shown in UTC.
with sends as (
    select
        e.workspace_id,
        e.campaign_id,
        e.lead_id,
        e.occurred_at,
        coalesce(z.time_zone, 'UTC') as time_zone,
        timezone(coalesce(z.time_zone, 'UTC'), e.occurred_at at time zone 'UTC') as local_time
    from marts.fct_lead_event as e
    left join intermediate.int_campaign_zone as z
        on e.workspace_id = z.workspace_id and e.campaign_id = z.campaign_id
    where e.event = 'contacted' and e.source <> 'lead history' and e.campaign_id is not null
),

replies as (
    select
        workspace_id,
        campaign_id,
        lead_id,
        occurred_at
    from marts.fct_lead_event
    where event = 'replied' and campaign_id is not null
),

answered as (
    select distinct
        s.workspace_id,
        s.campaign_id,
        s.lead_id,
        s.occurred_at
    from replies as r
    asof inner join sends as s
        on
            r.workspace_id = s.workspace_id
            and r.campaign_id = s.campaign_id
            and r.lead_id = s.lead_id
            and r.occurred_at >= s.occurred_at
),

counted as (
    select
        s.workspace_id,
        s.campaign_id,
        s.time_zone,
        isodow(s.local_time) as weekday,
        any_value(dayname(s.local_time)) as weekday_name,
        hour(s.local_time) as hour,
        count(*) as sent,
        count(a.lead_id) as sends_replied
    from sends as s
    left join answered as a
        on
            s.workspace_id = a.workspace_id
            and s.campaign_id = a.campaign_id
            and s.lead_id = a.lead_id
            and s.occurred_at = a.occurred_at
    group by s.workspace_id, s.campaign_id, s.time_zone, isodow(s.local_time), hour(s.local_time)
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.campaign_id,
        c.campaign_name,
        n.time_zone,
        n.weekday,
        n.weekday_name,
        n.hour,
        n.sent,
        n.sends_replied,
        rate_of(n.sends_replied, n.sent) as replied_per_sent,
        wilson_low(n.sends_replied, n.sent) as replied_per_sent_low,
        wilson_high(n.sends_replied, n.sent) as replied_per_sent_high
    from counted as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on n.workspace_id = c.workspace_id and n.campaign_id = c.campaign_id
)

select * from joined
order by workspace_name, campaign_name, workspace_id, campaign_id, weekday, hour

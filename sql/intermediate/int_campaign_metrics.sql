-- one row per campaign: lifetime numerators and denominators of every metric
-- The one definition of which counters a metric is made of. The rates are in int_campaign_rates.
with days as (
    select
        workspace_id,
        campaign_id,
        whole_sum(sent) as sent,
        case when count(sent) = count(*) then count(*) filter (where sent > 0) end as days_active,
        min(date) filter (where sent > 0) as first_sent_on,
        max(date) filter (where sent > 0) as last_sent_on
    from intermediate.int_campaign_day
    group by workspace_id, campaign_id
),

leads as (
    select * from intermediate.int_campaign_leads
),

-- A campaign that never sent has no row in campaign_analytics: its counters are zero if the stream was read at all. The
-- counters of a campaign that did send, or that is known by its id alone, are unknown.
never_sent as (
    select
        c.workspace_id,
        c.campaign_id,
        0 as nothing
    from intermediate.int_campaign as c
    inner join intermediate.int_workspace_streams as r on c.workspace_id = r.workspace_id and r.has_figures
    anti join staging.stg_campaign_analytics as a
        on c.workspace_id = a.workspace_id and c.campaign_id = a.campaign_id
    left join leads as l
        on c.workspace_id = l.workspace_id and c.campaign_id = l.campaign_id
    left join days as d
        on c.workspace_id = d.workspace_id and c.campaign_id = d.campaign_id
    where c.is_described and coalesce(d.sent, 0) = 0 and coalesce(l.contacted, 0) = 0
),

metrics as (
    select
        c.workspace_id,
        c.campaign_id,
        coalesce(a.leads_count, l.leads, case when r.has_leads then 0 end) as leads_count,
        coalesce(a.emails_sent_count, d.sent, n.nothing)::bigint as sent,
        coalesce(a.new_leads_contacted_count, n.nothing) as leads_reached,
        coalesce(a.completed_count, n.nothing) as completed,
        tracked(c.open_tracking, a.open_count, coalesce(a.open_count_unique, n.nothing)) as unique_opens,
        tracked(c.link_tracking, a.link_click_count, coalesce(a.link_click_count_unique, n.nothing)) as unique_clicks,
        coalesce(a.reply_count, n.nothing) as replies,
        coalesce(a.reply_count_unique, n.nothing) as repliers,
        coalesce(a.reply_count_automatic_unique, n.nothing) as auto_repliers,
        coalesce(a.bounced_count, n.nothing) as bounced,
        coalesce(a.unsubscribed_count, n.nothing) as unsubscribed,
        coalesce(a.total_opportunities, n.nothing) as opportunities,
        coalesce(a.total_opportunity_value, n.nothing)::double as opportunity_value,
        case when r.has_leads then coalesce(l.positive_leads, 0) end as positive_leads,
        case when r.has_leads then coalesce(l.ever_positive_leads, 0) end as ever_positive_leads,
        coalesce(o.total_meeting_booked, case when r.has_leads then coalesce(l.meeting_leads, 0) end) as meetings,
        case
            when r.has_leads and k.has_contact_times then coalesce(l.uncontacted, 0)
            when a.leads_count < a.new_leads_contacted_count then 0
            else a.leads_count - a.new_leads_contacted_count
        end as uncontacted,
        case when d.campaign_id is not null then d.days_active when r.has_days then 0 end as days_active,
        d.first_sent_on,
        d.last_sent_on,
        a.verified_at as figures_verified_at
    from intermediate.int_campaign as c
    left join intermediate.int_workspace_streams as r on c.workspace_id = r.workspace_id
    left join intermediate.int_workspace_contacts as k on c.workspace_id = k.workspace_id
    left join staging.stg_campaign_analytics as a
        on c.workspace_id = a.workspace_id and c.campaign_id = a.campaign_id
    left join staging.stg_campaign_analytics_overview as o
        on c.workspace_id = o.workspace_id and c.campaign_id = o.campaign_id
    left join leads as l
        on c.workspace_id = l.workspace_id and c.campaign_id = l.campaign_id
    left join days as d
        on c.workspace_id = d.workspace_id and c.campaign_id = d.campaign_id
    left join never_sent as n
        on c.workspace_id = n.workspace_id and c.campaign_id = n.campaign_id
),

with_costs as (
    select
        m.*,
        case
            when coalesce(s.per_lead, s.per_email) is not null
                then round(m.leads_reached * coalesce(s.per_lead, 0) + m.sent * coalesce(s.per_email, 0), 4)
        end as cost
    from metrics as m
    left join intermediate.int_workspace_cost as s on m.workspace_id = s.workspace_id
)

select * from with_costs

-- one row per campaign and metric that is counted twice: from synced rows, and by Instantly
-- Deleted leads count with their last status, as they do in a lifetime counter. Daily sends are compared only for
-- campaigns created after the first synced day.
with counters as (
    select * from staging.stg_campaign_analytics where not is_deleted
),

leads as (
    select
        workspace_id,
        campaign as campaign_id,
        count(*) filter (where not is_deleted) as leads,
        count(*) filter (where status = 3) as completed,
        count(*) filter (where status = -1) as bounced,
        count(*) filter (where status = -2) as unsubscribed
    from staging.stg_leads
    where campaign is not null
    group by workspace_id, campaign
),

leads_read as (
    select distinct workspace_id from staging.stg_leads
),

days as (
    select workspace_id, campaign_id, sum(sent) as sent from marts.fct_campaign_daily
    group by workspace_id, campaign_id
),

reach as (
    select workspace_id, min(date) as first_date from marts.fct_campaign_daily
    group by workspace_id
),

step_days as (
    select workspace_id, campaign_id, date, sum(sent) as sent from marts.fct_campaign_step_daily
    group by workspace_id, campaign_id, date
),

-- only days whose steps are known
steps as (
    select
        s.workspace_id,
        s.campaign_id,
        sum(s.sent) as steps_sent,
        sum(d.sent) as days_sent
    from step_days as s
    inner join marts.fct_campaign_daily as d
        on s.workspace_id = d.workspace_id and s.campaign_id = d.campaign_id and s.date = d.date
    group by s.workspace_id, s.campaign_id
),

of_leads as (
    select
        c.workspace_id,
        c.campaign_id,
        unnest(['leads', 'completed', 'bounced', 'unsubscribed']) as metric,
        unnest([
            coalesce(l.leads, 0), coalesce(l.completed, 0), coalesce(l.bounced, 0), coalesce(l.unsubscribed, 0)
        ]) as ours,
        unnest([c.leads_count, c.completed_count, c.bounced_count, c.unsubscribed_count]) as theirs
    from counters as c
    inner join leads_read as r on c.workspace_id = r.workspace_id
    left join leads as l on c.workspace_id = l.workspace_id and c.campaign_id = l.campaign_id
),

of_days as (
    select
        c.workspace_id,
        c.campaign_id,
        'sent' as metric,
        d.sent as ours,
        c.emails_sent_count as theirs
    from counters as c
    inner join days as d on c.workspace_id = d.workspace_id and c.campaign_id = d.campaign_id
    inner join reach as r on c.workspace_id = r.workspace_id
    inner join staging.stg_campaigns as m on c.workspace_id = m.workspace_id and c.campaign_id = m.id
    where m.timestamp_created::date >= r.first_date
),

pairs as (
    select * from of_leads
    union all
    select * from of_days
    union all
    select workspace_id, campaign_id, 'sent by step', steps_sent, days_sent from steps
),

compared as (
    select
        workspace_id,
        campaign_id,
        metric,
        ours::double as ours,
        theirs::double as theirs,
        (ours - theirs)::double as difference
    from pairs
    where ours is not null and theirs is not null
)

select * from compared

-- one row per contact that is active in an active campaign or was contacted in the last 30 days
with clock as (
    select
        workspace_id,
        workspace_name,
        as_of
    from marts.dim_workspace
),

each_campaign as (
    select
        l.workspace_id,
        contact_of(l.email) as email,
        l.campaign_id,
        count(l.lead_id) as leads,
        bool_or(l.status = 1 and c.is_listed and c.status = 1) as is_active
    from marts.dim_lead as l
    left join intermediate.int_campaign as c
        on l.workspace_id = c.workspace_id and l.campaign_id = c.campaign_id
    where not l.is_deleted and contact_of(l.email) is not null
    group by l.workspace_id, contact_of(l.email), l.campaign_id
),

current as (
    select
        workspace_id,
        email,
        count(*) filter (where is_active) as active_campaigns,
        count(campaign_id) as campaigns,
        sum(leads)::bigint as leads
    from each_campaign
    group by workspace_id, email
),

-- e-mails without a known campaign count as those of one more campaign
recent as (
    select
        e.workspace_id,
        e.email,
        count(distinct coalesce(e.campaign_id, '')) as campaigns_contacted_30d,
        count(*) as sent_30d,
        max(e.occurred_at) as last_contacted_at
    from marts.fct_lead_event as e
    inner join clock as k on e.workspace_id = k.workspace_id
    where e.event = 'contacted' and e.email is not null and e.occurred_at > k.as_of - interval 30 day
    group by e.workspace_id, e.email
),

-- where each e-mail of these days is known
known as (
    select r.workspace_id
    from intermediate.int_event_reach as r
    inner join clock as k on r.workspace_id = k.workspace_id
    where r.event = 'contacted' and r.since <= k.as_of - interval 30 day
),

contacts as (
    select
        coalesce(a.workspace_id, r.workspace_id) as workspace_id,
        coalesce(a.email, r.email) as email,
        coalesce(a.active_campaigns, 0) as active_campaigns,
        coalesce(r.campaigns_contacted_30d, 0) as campaigns_contacted_30d,
        coalesce(r.sent_30d, 0) as sent_30d,
        coalesce(a.campaigns, 0) as campaigns,
        coalesce(a.leads, 0) as leads,
        r.last_contacted_at
    from current as a
    full join recent as r on a.workspace_id = r.workspace_id and a.email = r.email
    where a.active_campaigns > 0 or r.email is not null
),

-- many contacts have the same figures
figures as (
    select distinct
        active_campaigns,
        campaigns_contacted_30d
    from contacts
),

judged as (
    select
        n.active_campaigns,
        n.campaigns_contacted_30d,
        worst_light(plain_light(v.value, t.bad_when, t.warning, t.critical)) as pressure
    from figures as n
    cross join seeds.thresholds as t
    inner join lateral (
        select case t.metric
            when 'active_campaigns' then n.active_campaigns
            when 'campaigns_contacted_30d' then n.campaigns_contacted_30d
        end as value
    ) as v on true
    where t.entity = 'contact'
    group by n.active_campaigns, n.campaigns_contacted_30d
),

joined as (
    select
        j.workspace_id,
        k.workspace_name,
        j.email,
        domain_of(j.email) as domain,
        coalesce(g.pressure, 'grey') as pressure,
        j.active_campaigns,
        j.campaigns_contacted_30d,
        case when n.workspace_id is not null then j.sent_30d end as sent_30d,
        j.campaigns,
        j.leads,
        j.last_contacted_at,
        k.as_of
    from contacts as j
    left join judged as g
        on j.active_campaigns = g.active_campaigns and j.campaigns_contacted_30d = g.campaigns_contacted_30d
    left join clock as k on j.workspace_id = k.workspace_id
    left join known as n on j.workspace_id = n.workspace_id
)

select * from joined
order by
    workspace_name,
    campaigns_contacted_30d + active_campaigns desc,
    last_contacted_at desc nulls last,
    email,
    workspace_id

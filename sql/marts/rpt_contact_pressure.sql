-- one row per contact that is active in an active campaign or was contacted in the last 30 days
with clock as (
    select
        workspace_id,
        workspace_name,
        as_of
    from marts.dim_workspace
),

active as (
    select
        l.workspace_id,
        contact_of(l.email) as email,
        count(distinct l.campaign) as active_campaigns
    from staging.stg_leads as l
    inner join intermediate.int_campaign as c
        on l.workspace_id = c.workspace_id and l.campaign = c.campaign_id
    where not l.is_deleted and l.status = 1 and c.is_listed and c.status = 1 and contact_of(l.email) is not null
    group by l.workspace_id, contact_of(l.email)
),

-- e-mails without a known campaign count as those of one more campaign
recent as (
    select
        e.workspace_id,
        e.email,
        count(distinct coalesce(e.campaign_id, '')) as campaigns_contacted_30d,
        max(e.occurred_at) as last_contacted_at
    from marts.fct_lead_event as e
    inner join clock as k on e.workspace_id = k.workspace_id
    where e.event = 'contacted' and e.email is not null and e.occurred_at > k.as_of - interval 30 day
    group by e.workspace_id, e.email
),

contacts as (
    select
        coalesce(a.workspace_id, r.workspace_id) as workspace_id,
        coalesce(a.email, r.email) as email,
        coalesce(a.active_campaigns, 0) as active_campaigns,
        coalesce(r.campaigns_contacted_30d, 0) as campaigns_contacted_30d,
        r.last_contacted_at
    from active as a
    full join recent as r on a.workspace_id = r.workspace_id and a.email = r.email
),

leads as (
    select
        n.workspace_id,
        n.email,
        count(l.id) as leads,
        count(distinct l.campaign) as campaigns
    from staging.stg_leads as l
    inner join contacts as n on l.workspace_id = n.workspace_id and contact_of(l.email) = n.email
    where not l.is_deleted
    group by n.workspace_id, n.email
),

judged as (
    select
        n.workspace_id,
        n.email,
        worst_light(traffic_light(v.value, 1, t.bad_when, t.warning, t.critical, t.min_n)) as pressure
    from contacts as n
    cross join seeds.thresholds as t
    inner join lateral (
        select case t.metric
            when 'active_campaigns' then n.active_campaigns
            when 'campaigns_contacted_30d' then n.campaigns_contacted_30d
        end as value
    ) as v on true
    where t.entity = 'contact'
    group by n.workspace_id, n.email
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
        coalesce(l.campaigns, 0) as campaigns,
        coalesce(l.leads, 0) as leads,
        j.last_contacted_at,
        k.as_of
    from contacts as j
    left join judged as g on j.workspace_id = g.workspace_id and j.email = g.email
    left join leads as l on j.workspace_id = l.workspace_id and j.email = l.email
    left join clock as k on j.workspace_id = k.workspace_id
)

select * from joined
order by
    workspace_name,
    campaigns_contacted_30d + active_campaigns desc,
    last_contacted_at desc nulls last,
    email,
    workspace_id

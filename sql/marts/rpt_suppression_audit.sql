-- one row per contact that was contacted or imported although it was on the block list or had unsubscribed
with suppressed as (
    select * from intermediate.int_lead_suppression
),

findings as (
    select
        s.workspace_id,
        s.email,
        s.lead_id,
        l.campaign_id,
        s.reason,
        s.since,
        'imported' as finding,
        s.timestamp_created as happened_at,
        s.timestamp_created > s.surely_since as is_certain
    from suppressed as s
    left join marts.dim_lead as l on s.workspace_id = l.workspace_id and s.lead_id = l.lead_id
    where s.timestamp_created > s.since and (s.until is null or s.timestamp_created < s.until)
    union all
    select
        s.workspace_id,
        s.email,
        s.lead_id,
        e.campaign_id,
        s.reason,
        s.since,
        'contacted',
        e.occurred_at,
        e.occurred_at > s.surely_since
    from suppressed as s
    inner join marts.fct_lead_event as e
        on
            s.workspace_id = e.workspace_id
            and s.lead_id = e.lead_id
            and s.email = e.email
            and e.event = 'contacted'
    where e.occurred_at > s.since and (s.until is null or e.occurred_at < s.until)
),

contacts as (
    select
        f.workspace_id,
        f.email,
        bool_or(f.finding = 'contacted') as was_contacted,
        bool_or(f.is_certain and f.finding = 'contacted')
        or (not bool_or(f.finding = 'contacted') and bool_or(f.is_certain)) as is_certain,
        string_agg(distinct f.reason, '; ' order by f.reason) as suppressed_by,
        min(f.since) as suppressed_since,
        count(distinct row(f.lead_id, f.happened_at)) filter (where f.finding = 'contacted') as contacts_after,
        max(f.happened_at) filter (where f.finding = 'contacted') as last_contacted_at,
        count(distinct f.lead_id) filter (where f.finding = 'imported') as imports_after,
        max(f.happened_at) filter (where f.finding = 'imported') as last_imported_at,
        string_agg(distinct c.campaign_name, '; ' order by c.campaign_name) as campaign_names
    from findings as f
    left join intermediate.int_campaign as c on f.workspace_id = c.workspace_id and f.campaign_id = c.campaign_id
    group by f.workspace_id, f.email
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.email,
        domain_of(n.email) as domain,
        case when n.was_contacted then 'contacted' else 'imported' end as finding,
        n.is_certain,
        n.suppressed_by,
        n.suppressed_since,
        n.contacts_after,
        n.last_contacted_at,
        n.imports_after,
        n.last_imported_at,
        n.campaign_names
    from contacts as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
)

select * from joined
order by
    workspace_name, finding, is_certain desc, coalesce(last_contacted_at, last_imported_at) desc, email, workspace_id

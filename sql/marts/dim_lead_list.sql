-- one row per lead list, deleted ones included
with leads as (
    select
        workspace_id,
        list_id,
        count(*) as leads,
        count(*) filter (where campaign_id is not null) as leads_in_campaigns,
        count(*) filter (where timestamp_last_contact is not null) as leads_contacted,
        max(timestamp_created) as last_lead_added_at
    from marts.dim_lead
    where not is_deleted and list_id is not null
    group by workspace_id, list_id
),

known as (
    select workspace_id, id as list_id from staging.stg_lead_lists
    union
    select workspace_id, list_id from leads
),

joined as (
    select
        k.workspace_id,
        w.workspace_name,
        k.list_id,
        coalesce(l.name, k.list_id) as list_name,
        l.owned_by,
        l.has_enrichment_task,
        l.id is not null and not l.is_deleted as is_listed,
        coalesce(l.is_deleted, false) as is_deleted,
        case when r.stream is not null then coalesce(n.leads, 0) end as leads,
        case when r.stream is not null then coalesce(n.leads_in_campaigns, 0) end as leads_in_campaigns,
        case when r.stream is not null then coalesce(n.leads_contacted, 0) end as leads_contacted,
        l.timestamp_created,
        n.last_lead_added_at,
        l.first_seen_at,
        l.deleted_at
    from known as k
    left join staging.stg_lead_lists as l on k.workspace_id = l.workspace_id and k.list_id = l.id
    left join intermediate.int_stream_read as r on k.workspace_id = r.workspace_id and r.stream = 'leads'
    left join leads as n on k.workspace_id = n.workspace_id and k.list_id = n.list_id
    left join marts.dim_workspace as w on k.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, list_name, workspace_id, list_id

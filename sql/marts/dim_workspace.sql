-- one row per workspace
with workspaces as (
    select * from staging.stg_workspaces
    qualify row_number() over (partition by workspace_id order by changed_at desc) = 1
),

status as (
    select
        workspace_id,
        max(last_success_at) at time zone 'UTC' as last_success_at,
        count(*) filter (where outcome not in ('ok', 'partial')) as streams_not_read
    from meta.stream_status
    group by workspace_id
),

joined as (
    select
        k.workspace_id,
        coalesce(w.name, k.name_in_settings, k.workspace_id) as workspace_name,
        w.owner,
        w.plan_id,
        w.plan_id_bundle,
        w.org_client_domain,
        w.add_unsub_to_block,
        w.default_opportunity_value,
        s.streams_not_read,
        w.timestamp_created,
        w.timestamp_updated,
        w.scheduled_for_removal_at,
        s.last_success_at,
        k.as_of
    from intermediate.int_workspace_clock as k
    left join workspaces as w on k.workspace_id = w.workspace_id
    left join status as s on k.workspace_id = s.workspace_id
)

select * from joined
order by workspace_name, workspace_id

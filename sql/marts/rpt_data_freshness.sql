-- one row per workspace and stream that was ever requested
-- Ages are counted back from the last run of any workspace, not from now, so that a rebuild gives the same report.
with last_run as (
    select max(started_at) as started_at from meta.sync_runs
),

rules as (
    select rule_value(rule, value, 'max_lag_hours') as max_lag_hours from seeds.rules
    where mart = 'rpt_data_freshness'
),

joined as (
    select
        s.workspace_id,
        w.workspace_name,
        s.stream,
        case
            when not s.chosen then 'not chosen'
            when s.last_success_at is null then 'never read'
            when s.outcome not in ('ok', 'partial') then s.outcome
            when epoch(l.started_at - s.last_success_at) / 3600 > r.max_lag_hours then 'late'
            when s.held_deletes > 0 then 'deletes held'
            when s.partial then 'partial'
            else 'fresh'
        end as state,
        s.outcome as last_outcome,
        s.reason,
        s.partial as is_partial,
        s.held_deletes,
        s.rows,
        case
            when s.last_success_at is not null
                then greatest(epoch(l.started_at - s.last_success_at) / 3600, 0)
        end as lag_hours,
        d.last_date as last_figures_on,
        d.oldest_verified_at,
        s.last_success_at at time zone 'UTC' as last_success_at,
        coalesce(s.ended_at, s.started_at) at time zone 'UTC' as last_tried_at
    from meta.stream_status as s
    cross join last_run as l
    cross join rules as r
    left join intermediate.int_stream_reach as d on s.workspace_id = d.workspace_id and s.stream = d.stream
    left join marts.dim_workspace as w on s.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, workspace_id, state in ('fresh', 'not chosen'), lag_hours desc nulls first, stream

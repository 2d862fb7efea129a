-- one row per workspace and stream, and one for all streams together (*), over the last 30 days
-- Streams are read in parallel, so their seconds add up to more than those of the runs. An interrupted run has no
-- request count of its own; its streams have.
with last_run as (
    select max(started_at) as started_at from meta.sync_runs
),

stream_runs as (
    select r.* from meta.stream_runs as r
    cross join last_run as l
    where r.started_at > l.started_at - interval 30 day
),

streams as (
    select
        workspace_id,
        stream,
        count(*) as runs,
        count(*) filter (where outcome not in ('ok', 'partial')) as runs_not_read,
        sum(requests)::bigint as requests,
        sum(planned_requests)::bigint as planned_requests,
        arg_max(requests, run_id) as requests_last_run,
        arg_max(planned_requests, run_id) as planned_requests_last_run,
        sum(responses_429)::bigint as responses_429,
        sum(retries)::bigint as retries,
        sum(epoch(ended_at - started_at)) as seconds,
        arg_max(epoch(ended_at - started_at), run_id) as seconds_last_run,
        sum(rows_read)::bigint as rows_read,
        sum(rows_inserted + rows_updated + rows_deleted)::bigint as rows_changed,
        min(started_at) at time zone 'UTC' as first_run_at,
        max(started_at) at time zone 'UTC' as last_run_at
    from stream_runs
    group by workspace_id, stream
),

rows_of_runs as (
    select
        workspace_id,
        sum(rows_read)::bigint as rows_read,
        sum(requests)::bigint as requests
    from stream_runs
    group by workspace_id
),

runs as (
    select
        r.workspace_id,
        '*' as stream,
        count(*) as runs,
        count(*) filter (where r.outcome <> 'ok') as runs_not_read,
        greatest(sum(r.requests)::bigint, any_value(n.requests)) as requests,
        sum(r.planned_requests)::bigint as planned_requests,
        arg_max(r.requests, r.run_id) as requests_last_run,
        arg_max(r.planned_requests, r.run_id) as planned_requests_last_run,
        sum(r.responses_429)::bigint as responses_429,
        sum(r.retries)::bigint as retries,
        sum(epoch(r.ended_at - r.started_at)) as seconds,
        arg_max(epoch(r.ended_at - r.started_at), r.run_id) as seconds_last_run,
        any_value(n.rows_read) as rows_read,
        sum(r.rows_upserted + r.rows_deleted)::bigint as rows_changed,
        min(r.started_at) at time zone 'UTC' as first_run_at,
        max(r.started_at) at time zone 'UTC' as last_run_at
    from meta.sync_runs as r
    cross join last_run as l
    left join rows_of_runs as n on r.workspace_id = n.workspace_id
    where r.workspace_id is not null and r.started_at > l.started_at - interval 30 day
    group by r.workspace_id
),

every as (
    select * from runs
    union all
    select * from streams
),

joined as (
    select
        e.workspace_id,
        w.workspace_name,
        e.stream,
        e.runs,
        e.runs_not_read,
        e.requests,
        rate_of(e.requests, a.requests) as share_of_requests,
        rate_of(e.requests, e.runs) as requests_per_run,
        e.planned_requests,
        e.requests_last_run,
        e.planned_requests_last_run,
        e.responses_429,
        e.retries,
        e.seconds,
        rate_of(e.seconds, e.runs) as seconds_per_run,
        e.seconds_last_run,
        e.rows_read,
        e.rows_changed,
        rate_of(e.requests, e.rows_changed) as requests_per_changed_row,
        e.first_run_at,
        e.last_run_at
    from every as e
    left join runs as a on e.workspace_id = a.workspace_id
    left join marts.dim_workspace as w on e.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, workspace_id, stream = '*' desc, requests desc, stream

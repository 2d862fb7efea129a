-- one row per workspace that occurs in any stream or run
-- `as_of` is the time of the last read, never later than the last run by that run's own clock. It is not the reader's
-- clock, so that a rebuild gives the same reports. What needs no more than `today` is not built at every sync. The
-- block list does not count: it says nothing about figures.
with seen as (
    select
        workspace_id,
        max(last_verified_at) as as_of
    from intermediate.int_stream_reach
    where stream <> 'block_list_entries'
    group by workspace_id
),

runs as (
    select
        workspace_id,
        arg_max(workspace_name, run_id) as workspace_name,
        arg_max(coalesce(ended_at, started_at), run_id) as last_run_at
    from meta.sync_runs
    where workspace_id is not null
    group by workspace_id
),

clock as (
    select
        coalesce(s.workspace_id, r.workspace_id) as workspace_id,
        r.workspace_name as name_in_settings,
        least(s.as_of, r.last_run_at at time zone 'UTC') as as_of,
        as_of::date as today
    from seen as s
    full join runs as r on s.workspace_id = r.workspace_id
)

select * from clock

-- one row per workspace and stream that was ever read: only there does a missing record mean zero
with seen as (
    select workspace_id, stream, last_success_at at time zone 'UTC' as last_read_at from meta.stream_status
    where last_success_at is not null
    union all
    select workspace_id, stream, null from intermediate.int_stream_reach
),

read as (
    select
        workspace_id,
        stream,
        max(last_read_at) as last_read_at
    from seen
    group by workspace_id, stream
)

select * from read

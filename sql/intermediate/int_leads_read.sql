-- one row per workspace with leads: since when they were read at least once in seven days
-- Of what happened before that, or in a longer pause, only the last e-mail and the last reply of each lead are known.
with first_seen as (
    select
        workspace_id,
        min(first_seen_at) as first_read_at
    from marts.dim_lead
    group by workspace_id
),

runs as (
    select
        workspace_id,
        ended_at at time zone 'UTC' as read_at,
        lag(ended_at at time zone 'UTC') over (partition by workspace_id order by ended_at) as read_before
    from meta.stream_runs
    where stream = 'leads' and outcome in ('ok', 'partial')
),

pauses as (
    select
        workspace_id,
        max(read_at) as read_again_at
    from runs
    where read_at > read_before + interval 7 day
    group by workspace_id
),

joined as (
    select
        f.workspace_id,
        f.first_read_at,
        p.read_again_at,
        greatest(f.first_read_at, p.read_again_at) as read_since
    from first_seen as f
    left join pauses as p on f.workspace_id = p.workspace_id
)

select * from joined

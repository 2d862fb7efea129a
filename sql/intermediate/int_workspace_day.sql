-- one row per workspace and day with workspace-level figures: the figures that reports show
with collapsed as (
    select * exclude (stream, campaign_id, step, variant, meetings_booked, won) from intermediate.int_collapsed_day
    where stream = 'workspace_daily_analytics'
),

days as (
    select
        d.* exclude (extra, changed_at, deleted_at),
        'as read' as figures_state
    from staging.stg_workspace_daily_analytics as d
    anti join collapsed as c on d.workspace_id = c.workspace_id and d._key = c._key
    union all by name
    select
        c.*,
        d.verified_at
    from collapsed as c
    inner join staging.stg_workspace_daily_analytics as d on c.workspace_id = d.workspace_id and c._key = d._key
)

select
    * exclude (_key, is_deleted),
    is_deleted as is_vanished,
    is_open_day(date, verified_at) as is_partial
from days

-- One row per workspace and stream, those that are not fresh first.
select
    workspace_id,
    stream,
    state,
    reason,
    held_deletes,
    rows,
    lag_hours,
    last_figures_on,
    last_success_at
from marts.rpt_data_freshness
order by
    workspace_id,
    array_position(['never read', 'failed', 'skipped', 'late', 'deletes held', 'partial'], state) nulls last,
    stream

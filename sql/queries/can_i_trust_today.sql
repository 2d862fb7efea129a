-- Which figures are old, partly read or not read at all?
-- Asked by: agency owner
-- How to read it: a recent ok is fine; partial is completed by the next syncs; not chosen is left out by INSTANTLY_STREAMS; everything else has a reason
-- Columns: workspace_name, stream, outcome, reason, last_success_at, hours_ago, rows, held_deletes
select
    w.workspace_name,
    s.stream,
    case when s.chosen then s.outcome else 'not chosen' end as outcome,
    s.reason,
    s.last_success_at,
    date_diff('hour', s.last_success_at, max(s.last_success_at) over ()) as hours_ago,
    s.rows,
    s.held_deletes
from meta.stream_status as s
inner join marts.dim_workspace as w on s.workspace_id = w.workspace_id
order by not s.chosen, s.outcome = 'ok', hours_ago desc nulls first, w.workspace_name, s.stream

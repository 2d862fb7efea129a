-- one row per workspace whose leads were read: since when changes of interest are seen when they happen
-- What changed earlier shows only its last change, at that change's own time or that of the first read.
with leads as (
    select
        workspace_id,
        min(first_seen_at) as first_seen_at
    from staging.stg_leads
    group by workspace_id
)

select
    l.workspace_id,
    least(l.first_seen_at, r.since) as first_read_at
from leads as l
left join intermediate.int_event_reach as r on l.workspace_id = r.workspace_id and r.event = 'interest changed'

-- Who changed which campaign in the last 30 days, and what?
-- Asked by: agency owner
-- How to read it: made_at and made_by are from the audit log (INSTANTLY_STREAMS=core,admin reads it) and empty where it says nothing, as for what the platform did by itself; seen_at is when a sync first saw the change
-- Empty: no campaign was changed in 30 days, as far as syncs saw
-- Columns: workspace_name, campaign_name, event, changed, made_at, made_by, made_with, seen_at
select
    h.workspace_name,
    h.campaign_name,
    h.event,
    h.changed,
    h.change_made_at as made_at,
    coalesce(h.changed_by, h.changed_by_user_id) as made_by,
    h.changed_by_api_key as made_with,
    h.valid_from as seen_at
from marts.dim_campaign_history as h
inner join marts.dim_workspace as w on h.workspace_id = w.workspace_id
where h.event != 'first seen' and h.valid_from >= w.as_of - interval 30 day
order by coalesce(h.change_made_at, h.valid_from) desc, h.workspace_name, h.campaign_name, h.version

-- How many new leads can be contacted on each of the next 14 days, and what keeps mailboxes from sending?
-- Asked by: agency owner
-- How to read it: headroom is what campaigns can still send to new leads; the limits to its right are lost, each for the reason in its name
-- Columns: workspace_name, date, campaigns_scheduled, usable_limit, follow_ups_due, headroom, limit_in_error, limit_paused, limit_red, limit_not_ready, limit_without_campaign
select
    workspace_name,
    date,
    campaigns_scheduled,
    usable_limit,
    follow_ups_due,
    headroom,
    limit_in_error,
    limit_paused,
    limit_red,
    limit_not_ready,
    limit_without_campaign
from marts.rpt_workspace_capacity
order by workspace_name, date

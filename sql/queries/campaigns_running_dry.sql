-- Which campaigns run out of leads in the next two weeks?
-- Asked by: agency owner
-- How to read it: runs_dry_on is the sending day of the last new lead at the pace of the last 7 sending days, low and high at a fast and a slow one
-- Empty: no campaign runs dry in that time
-- Columns: workspace_name, campaign_name, uncontacted, new_leads_per_day, days_left, runs_dry_on_low, runs_dry_on, runs_dry_on_high, limited_by
select
    workspace_name,
    campaign_name,
    uncontacted,
    round(new_leads_per_day, 1) as new_leads_per_day,
    round(days_left, 1) as days_left,
    runs_dry_on_low,
    runs_dry_on,
    runs_dry_on_high,
    limited_by
from marts.rpt_runway
where runs_dry_on <= as_of_date + 14
order by runs_dry_on, workspace_name, campaign_name

-- One row per workspace: its listed campaigns, for how many the number of leads left is known, and how many run out of
-- leads within 14 days.
select
    workspace_id,
    count(*) as campaigns,
    count(uncontacted) as known,
    count(*) filter (where runs_dry_on - as_of_date <= 14) as dry_soon
from marts.rpt_runway
group by workspace_id

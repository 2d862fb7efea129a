-- One row per workspace: its campaigns that are listed: of how many it is known which leads are left, and how
-- many run dry within 14 days.
select
    workspace_id,
    count(*) as campaigns,
    count(uncontacted) as known,
    count(*) filter (where runs_dry_on - as_of_date <= 14) as dry_soon
from marts.rpt_runway
group by workspace_id

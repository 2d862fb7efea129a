-- One row per workspace: its campaigns that are listed, and of how many it is known which leads are left.
select
    workspace_id,
    count(*) as campaigns,
    count(uncontacted) as known
from marts.rpt_runway
group by workspace_id

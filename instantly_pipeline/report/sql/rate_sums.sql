-- One row per workspace: how many rates could be compared.
select
    workspace_id,
    count(*) as rates,
    count(*) filter (where verdict in ('worse', 'better', 'usual')) as judged
from marts.rpt_rate_changes
group by workspace_id

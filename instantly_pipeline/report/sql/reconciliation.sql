-- One row per workspace and counter that does not agree, the 5 largest differences, with the number of all counters.
with counted as (
    select
        *,
        count(*) over (partition by workspace_id) as counters,
        count(*) filter (where agrees) over (partition by workspace_id) as agreeing
    from marts.rpt_reconciliation
)

select workspace_id, campaign_name, metric, agrees, ours, theirs, difference, likely_cause, counters, agreeing
from counted
qualify
    row_number() over (
        partition by workspace_id order by coalesce(agrees, true), abs(difference) desc nulls last, campaign_id, metric
    ) <= 5
order by workspace_id, coalesce(agrees, true), abs(difference) desc nulls last, campaign_id, metric

-- Which rates turned for the worse, or are worse than those of the neighbours?
-- Asked by: deliverability
-- How to read it: the last 7 closed days against the 28 before, and 28 days against the other domains or mailboxes; a verdict needs more than chance
-- Empty: no rate is worse by more than chance
-- Columns: workspace_name, entity, entity_name, metric, verdict, verdict_reason, verdict_neighbours, verdict_neighbours_reason, last_date
select
    workspace_name,
    entity,
    entity_name,
    metric,
    verdict,
    verdict_reason,
    verdict_neighbours,
    verdict_neighbours_reason,
    last_date
from marts.rpt_rate_changes
where is_worse
order by
    workspace_id,
    array_position(['workspace', 'domain', 'account', 'campaign'], entity),
    abs(difference_score) desc nulls last,
    entity_name,
    metric

-- one row per campaign and metric that differs from Instantly's own counter by more than 2 %
select
    workspace_id,
    campaign_id,
    metric,
    ours,
    theirs,
    difference
from meta.reconciliation
where
    metric in ('leads', 'sent', 'sent by step')
    and abs(difference) > greatest(5, 0.02 * theirs)

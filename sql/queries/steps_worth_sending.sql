-- Is the last step of a sequence still worth sending?
-- Asked by: sales lead
-- How to read it: a step with few replies per 1,000 e-mails and a large cumulative share before it can go; the verdict says so
-- Columns: workspace_name, campaign_name, subsequence_name, step_number, sent, replies_per_1000, cumulative_share_of_replies, verdict, verdict_reason
select
    workspace_name,
    campaign_name,
    subsequence_name,
    step_number,
    sent,
    round(replies_per_1000, 1) as replies_per_1000,
    round(cumulative_share_of_replies, 2) as cumulative_share_of_replies,
    verdict,
    verdict_reason
from marts.rpt_step_dropoff
order by workspace_name, campaign_name, campaign_id, subsequence_name nulls first, step_number

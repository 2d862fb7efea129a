-- Which variant of each step should be kept?
-- Asked by: sales lead
-- How to read it: act on verdicts, not on the highest rate; there is none without enough e-mails and replies
-- Columns: workspace_name, campaign_name, subsequence_name, step_number, variant_letter, subject, sent, unique_replies, chance_best, verdict
select
    workspace_name,
    campaign_name,
    subsequence_name,
    step_number,
    variant_letter,
    subject,
    sent,
    unique_replies,
    round(chance_best, 2) as chance_best,
    verdict
from marts.rpt_variant_performance
where variants > 1
order by workspace_name, campaign_name, campaign_id, subsequence_name nulls first, step_number, variant_letter

-- Which mailboxes should rest?
-- Asked by: deliverability
-- How to read it: stop their campaigns until they have recovered; act_reason says what is wrong
-- Empty: no mailbox that sends is red
-- Columns: workspace_name, email, act_reason, active_campaigns, sent_7d, bounced_30d, bounce_rate, stat_warmup_score, warmup_score_change_7d
select
    workspace_name,
    email,
    act_reason,
    active_campaigns,
    sent_7d,
    bounced_30d,
    round(bounce_rate, 4) as bounce_rate,
    stat_warmup_score,
    warmup_score_change_7d
from marts.rpt_sender_health
where act = 'rest'
order by workspace_name, sent_7d desc nulls last, email

-- Which mailboxes should rest?
-- Asked by: deliverability
-- How to read it: red ones should stop sending campaigns now; the reason says what to fix
-- Empty: every mailbox is fine, or sent too little to judge
-- Columns: workspace_name, email, health, health_reason, sent_7d, bounced_30d, bounce_rate, stat_warmup_score, warmup_score_change_7d
select
    workspace_name,
    email,
    health,
    health_reason,
    sent_7d,
    bounced_30d,
    round(bounce_rate, 4) as bounce_rate,
    stat_warmup_score,
    warmup_score_change_7d
from marts.rpt_sender_health
where health in ('red', 'amber')
order by health desc, sent_7d desc nulls last, email

-- What should be done with each mailbox: reconnect, rest, warm up or use it?
-- Asked by: deliverability
-- How to read it: work through the acts in their order; those to use are warmed up and serve no campaign that sends
-- Empty: every mailbox is fine as it is
-- Columns: workspace_name, act, email, act_reason, readiness, days_warming, stat_warmup_score, active_campaigns, sent_30d
select
    workspace_name,
    act,
    email,
    act_reason,
    readiness,
    days_warming,
    stat_warmup_score,
    active_campaigns,
    sent_30d
from marts.rpt_sender_health
where act <> 'leave'
order by
    workspace_name,
    array_position(['reconnect', 'rest', 'warm up', 'use'], act),
    sent_30d desc nulls last,
    email

-- Which replies has nobody sorted or answered yet, for whom, and for how long?
-- Asked by: sales lead
-- How to read it: set an interest or answer, the longest waiting first; where is_answer_known is false e-mails are not read, so answers do not show (INSTANTLY_STREAMS=core,emails)
-- Empty: every reply has an interest or an answer
-- Columns: workspace_name, campaign_name, email, mailbox, assigned_to, status_label, replied_at, hours_waiting, replies, is_answer_known
select
    workspace_name,
    campaign_name,
    email,
    mailbox,
    assigned_to,
    status_label,
    replied_at,
    round(hours_waiting, 1) as hours_waiting,
    replies,
    is_answer_known
from marts.rpt_replies_waiting
order by replied_at, workspace_name, email

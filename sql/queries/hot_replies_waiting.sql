-- Which interested leads wrote and still wait for an answer, for whom, and for how long?
-- Asked by: sales lead
-- How to read it: answer the longest waiting first, from the mailbox they wrote to; a call or a calendar link that no e-mail shows counts once the lead is marked
-- Empty: nobody waits, or e-mails are not read (INSTANTLY_STREAMS=core,emails)
-- Columns: workspace_name, email, mailbox, assigned_to, campaign_name, interest_label, replied_at, hours_waiting
select
    workspace_name,
    email,
    mailbox,
    assigned_to,
    campaign_name,
    interest_label,
    replied_at,
    round(hours_waiting, 1) as hours_waiting
from marts.rpt_hot_reply
where state = 'waiting'
order by hours_waiting desc, email

-- One row per mailbox and assigned user with replies nobody has sorted or answered, the 10 with the oldest first.
select
    workspace_id,
    mailbox,
    assigned_to,
    waiting_leads,
    waiting_over_24h,
    waiting_since,
    is_answer_known,
    sum(waiting_leads) over (partition by workspace_id)::bigint as all_waiting,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_replies_waiting_by_mailbox
qualify
    row_number() over (
        partition by workspace_id order by waiting_since, waiting_leads desc, mailbox, assigned_to
    ) <= 10
order by workspace_id, waiting_since, waiting_leads desc, mailbox, assigned_to

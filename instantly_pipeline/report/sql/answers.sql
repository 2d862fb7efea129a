-- One row per mailbox and assigned user with hot replies, the 10 of each workspace with the longest waiting ones first.
select
    workspace_id,
    mailbox,
    assigned_to,
    hot_replies,
    waiting,
    waiting_since,
    answered_24h,
    judged_24h,
    answered_24h_rate,
    hours_median,
    hours_p90,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_our_response_time
qualify
    row_number() over (
        partition by workspace_id
        order by waiting_since nulls last, hot_replies desc, mailbox, assigned_to
    ) <= 10
order by workspace_id, waiting_since nulls last, hot_replies desc, mailbox, assigned_to

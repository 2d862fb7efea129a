-- one row per own mailbox and assigned user with replies that nobody has sorted or answered
with counted as (
    select
        workspace_id,
        mailbox,
        assigned_to,
        count(lead_id) as waiting_leads,
        count(*) filter (where hours_waiting > 24) as waiting_over_24h,
        min(replied_at) as waiting_since,
        quantile_cont(hours_waiting, 0.5) as hours_waiting_median,
        bool_and(is_answer_known) as is_answer_known
    from marts.rpt_replies_waiting
    group by workspace_id, mailbox, assigned_to
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.mailbox,
        n.assigned_to,
        n.waiting_leads,
        n.waiting_over_24h,
        n.waiting_since,
        n.hours_waiting_median,
        n.is_answer_known,
        w.as_of
    from counted as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, waiting_since, waiting_leads desc, workspace_id, mailbox, assigned_to

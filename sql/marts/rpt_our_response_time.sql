-- one row per own mailbox and assigned user with hot replies: how many wait for an answer, and how long answers took
with counted as (
    select
        workspace_id,
        mailbox,
        assigned_to,
        count(*) as hot_replies,
        count(*) filter (where state = 'answered') as answered,
        count(*) filter (where state = 'waiting') as waiting,
        count(*) filter (where state = 'settled') as settled,
        min(replied_at) filter (where state = 'waiting') as waiting_since,
        -- a reply of the last 24 hours without an answer may still get one in time
        count(*) filter (where hours_to_answer is not null or hours_waiting > 24 or state = 'settled') as judged_24h,
        count(*) filter (where hours_to_answer <= 24) as answered_24h,
        quantile_cont(hours_to_answer, 0.25) as hours_p25,
        quantile_cont(hours_to_answer, 0.5) as hours_median,
        quantile_cont(hours_to_answer, 0.75) as hours_p75,
        quantile_cont(hours_to_answer, 0.9) as hours_p90
    from marts.rpt_hot_reply
    group by workspace_id, mailbox, assigned_to
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.mailbox,
        n.assigned_to,
        n.hot_replies,
        n.answered,
        n.waiting,
        n.settled,
        n.waiting_since,
        n.judged_24h,
        n.answered_24h,
        rate_of(n.answered_24h, n.judged_24h) as answered_24h_rate,
        wilson_low(n.answered_24h, n.judged_24h) as answered_24h_rate_low,
        wilson_high(n.answered_24h, n.judged_24h) as answered_24h_rate_high,
        n.hours_p25,
        n.hours_median,
        n.hours_p75,
        n.hours_p90,
        w.as_of
    from counted as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, waiting_since nulls last, hot_replies desc, workspace_id, mailbox, assigned_to

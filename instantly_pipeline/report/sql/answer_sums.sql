-- One row per workspace with hot replies: how many wait, and how many were answered within a day.
select
    workspace_id,
    sum(hot_replies)::bigint as hot_replies,
    sum(waiting)::bigint as waiting,
    min(waiting_since) as waiting_since,
    max(epoch(as_of - waiting_since)) as longest_waiting,
    sum(answered_24h)::bigint as answered_24h,
    sum(judged_24h)::bigint as judged_24h,
    rate_of(sum(answered_24h), sum(judged_24h)) as answered_24h_rate
from marts.rpt_our_response_time
group by workspace_id

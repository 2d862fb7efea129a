-- One row per workspace and step number (the first 12), all campaigns together, without their subsequences.
select
    workspace_id,
    step_number,
    count(*) as campaigns,
    sum(sent)::bigint as sent,
    sum(unique_replies)::bigint as unique_replies,
    1000 * sum(unique_replies) / nullif(sum(sent) filter (where unique_replies is not null), 0) as replies_per_1000,
    sum(unique_replies) / nullif(sum(sum(unique_replies)) over (partition by workspace_id), 0) as share_of_replies,
    count(*) filter (where verdict = 'worth it') as worth_it,
    count(*) filter (where verdict = 'doubtful') as doubtful,
    count(*) filter (where verdict = 'not worth it') as not_worth_it,
    count(*) filter (where verdict = 'too early') as too_early
from marts.rpt_step_dropoff
where subsequence_id is null
group by workspace_id, step_number
qualify row_number() over (partition by workspace_id order by step_number) <= 12
order by workspace_id, step_number

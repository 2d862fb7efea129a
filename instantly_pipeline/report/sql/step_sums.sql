-- One row per workspace and step number (the first 12), all campaigns together, without their subsequences. The last
-- count leaves out campaigns at rest (drafts, paused, completed, deleted), where there is nothing to act on.
select
    s.workspace_id,
    s.step_number,
    count(*) as campaigns,
    sum(s.sent)::bigint as sent,
    sum(s.unique_replies)::bigint as unique_replies,
    1000 * sum(s.unique_replies)
    / nullif(sum(s.sent) filter (where s.unique_replies is not null), 0) as replies_per_1000,
    sum(s.unique_replies)
    / nullif(sum(sum(s.unique_replies)) over (partition by s.workspace_id), 0) as share_of_replies,
    count(*) filter (where s.verdict = 'worth it') as worth_it,
    count(*) filter (where s.verdict = 'doubtful') as doubtful,
    count(*) filter (where s.verdict = 'not worth it') as not_worth_it,
    count(*) filter (where s.verdict = 'too early') as too_early,
    count(*) filter (
        where s.verdict = 'not worth it' and not c.is_deleted and coalesce(c.status, 1) not in (0, 2, 3)
    ) as not_worth_it_to_act_on
from marts.rpt_step_dropoff as s
left join marts.dim_campaign as c on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
where s.subsequence_id is null
group by s.workspace_id, s.step_number
qualify row_number() over (partition by s.workspace_id order by s.step_number) <= 12
order by s.workspace_id, s.step_number

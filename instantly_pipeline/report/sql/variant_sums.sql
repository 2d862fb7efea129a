-- One row per workspace: the verdicts on variants in use, of steps with several. The last two leave out campaigns at rest
-- (drafts, paused, completed, deleted), where there is nothing to act on.
select
    v.workspace_id,
    count(*) as variants,
    count(distinct row(v.campaign_id, v.subsequence_id, v.step)) as steps,
    count(*) filter (where v.verdict = 'winner') as winner,
    count(*) filter (where v.verdict = 'worse' and not v.is_disabled) as worse,
    count(*) filter (where v.verdict = 'as good') as as_good,
    count(*) filter (where v.verdict = 'slightly ahead') as ahead,
    count(*) filter (where v.verdict = 'undecided') as undecided,
    count(*) filter (where v.verdict = 'too early') as too_early,
    count(*) filter (
        where v.verdict = 'winner' and not c.is_deleted and coalesce(c.status, 1) not in (0, 2, 3)
    ) as winner_to_act_on,
    count(*) filter (
        where v.verdict = 'worse' and not v.is_disabled and not c.is_deleted and coalesce(c.status, 1) not in (0, 2, 3)
    ) as worse_to_act_on
from marts.rpt_variant_performance as v
left join marts.dim_campaign as c on v.workspace_id = c.workspace_id and v.campaign_id = c.campaign_id
where v.variants > 1
group by v.workspace_id

-- One row per workspace: the verdicts on variants in use, of steps with several.
select
    workspace_id,
    count(*) as variants,
    count(distinct row(campaign_id, subsequence_id, step)) as steps,
    count(*) filter (where verdict = 'winner') as winner,
    count(*) filter (where verdict = 'worse' and not is_disabled) as worse,
    count(*) filter (where verdict = 'as good') as as_good,
    count(*) filter (where verdict = 'slightly ahead') as ahead,
    count(*) filter (where verdict = 'undecided') as undecided,
    count(*) filter (where verdict = 'too early') as too_early
from marts.rpt_variant_performance
where variants > 1
group by workspace_id

-- One row per variant, at most 8 per step, of the 8 steps of each workspace to decide on first.
with steps as (
    select
        *,
        min(array_position(['winner', 'worse', 'slightly ahead', 'as good', 'undecided', 'too early'], verdict))
            over (partition by workspace_id, campaign_id, subsequence_id, step) as urgency,
        sum(sent) over (partition by workspace_id, campaign_id, subsequence_id, step) as sent_by_step
    from marts.rpt_variant_performance
    where variants > 1
),

ranked as (
    select
        *,
        dense_rank() over (
            partition by workspace_id order by urgency, sent_by_step desc, campaign_id, subsequence_id nulls first, step
        ) as place,
        row_number() over (
            partition by workspace_id, campaign_id, subsequence_id, step
            order by posterior_mean desc nulls last, variant
        ) as place_in_step
    from steps
)

select
    workspace_id,
    campaign_name,
    subsequence_name,
    step_number,
    variant_letter,
    subject,
    verdict,
    verdict_reason,
    is_disabled,
    copy_changed,
    is_uneven,
    sent,
    unique_replies,
    posterior_mean,
    posterior_low,
    posterior_high,
    chance_best,
    place,
    place_in_step,
    max(place) over (partition by workspace_id) as of_all
from ranked
where place_in_step <= 8
qualify place <= 8
order by workspace_id, place, place_in_step

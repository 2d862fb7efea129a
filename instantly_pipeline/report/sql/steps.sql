-- One row per campaign or subsequence and step, the 20 of each workspace to look at first: not worth it, doubtful, then the rest.
select
    workspace_id,
    campaign_name,
    subsequence_name,
    step_number,
    verdict,
    verdict_reason,
    sent,
    share_of_first_step,
    unique_replies,
    replies_per_1000,
    replies_per_1000_low,
    replies_per_1000_high,
    cumulative_share_of_replies,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_step_dropoff
qualify
    row_number() over (
        partition by workspace_id
        order by
            array_position(['not worth it', 'doubtful', 'worth it'], verdict) nulls last,
            sent desc,
            campaign_id,
            subsequence_id nulls first,
            step_number
    ) <= 20
order by
    workspace_id,
    array_position(['not worth it', 'doubtful', 'worth it'], verdict) nulls last,
    sent desc,
    campaign_id,
    subsequence_id nulls first,
    step_number

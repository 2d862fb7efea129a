-- One row per campaign and reason why it does not send in full, those that pass by themselves left out; the 15 of each
-- workspace that cost most.
select
    workspace_id,
    campaign_name,
    detail,
    blocks,
    is_main,
    since,
    is_since_or_earlier,
    last_sent_on,
    costs_sends_per_day,
    count(*) over (partition by workspace_id) as of_all,
    count(*) filter (where is_main and blocks = 'everything') over (partition by workspace_id) as of_stopped
from marts.rpt_sending_blockers
where not is_passing
qualify
    row_number() over (
        partition by workspace_id
        order by blocks <> 'everything', not is_main, costs_sends_per_day desc nulls last, campaign_id, blocker
    ) <= 15
order by
    workspace_id, blocks <> 'everything', not is_main, costs_sends_per_day desc nulls last, campaign_id, blocker

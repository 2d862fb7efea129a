-- One row per rate that turned or differs from its neighbours', the 15 of each workspace to look at first.
with found as (
    select
        *,
        case
            when verdict = 'worse' then 1
            when verdict_neighbours = 'worse' then 2
            when verdict = 'better' then 3
        end as urgency
    from marts.rpt_rate_changes
)

select
    workspace_id,
    entity,
    entity_name,
    metric,
    case when urgency = 2 then verdict_neighbours else verdict end as verdict,
    case when urgency = 2 then verdict_neighbours_reason else verdict_reason end as reason,
    urgency = 2 as is_beside,
    is_worse,
    last_date,
    count(*) over (partition by workspace_id) as of_all,
    count(*) filter (where is_worse) over (partition by workspace_id, urgency = 2) as of_worse
from found
where urgency is not null
qualify
    row_number() over (
        partition by workspace_id
        order by
            urgency,
            array_position(['workspace', 'domain', 'account', 'campaign'], entity),
            abs(difference_score) desc nulls last,
            entity_id,
            metric
    ) <= 15
order by
    workspace_id,
    urgency,
    array_position(['workspace', 'domain', 'account', 'campaign'], entity),
    abs(difference_score) desc nulls last,
    entity_id,
    metric

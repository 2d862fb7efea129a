-- One row per unusual day, the 10 latest of each workspace.
with every as (
    select
        *,
        max(date) over (partition by workspace_id) - date < 7 as is_recent
    from marts.rpt_anomalies
)

select
    workspace_id,
    entity,
    entity_name,
    metric,
    date,
    verdict,
    figure,
    usual_value,
    score,
    weeks_known,
    is_recent,
    count(*) over (partition by workspace_id) as of_all,
    count(*) filter (where is_recent) over (partition by workspace_id) as of_recent
from every
where is_anomaly
qualify row_number() over (partition by workspace_id order by date desc, abs(score) desc, entity_id, metric) <= 10
order by workspace_id, date desc, abs(score) desc, entity_id, metric

-- One row per unusual day, the 10 latest of each workspace.
select
    workspace_id,
    entity,
    entity_name,
    metric,
    date,
    verdict,
    value,
    usual_value,
    score,
    weeks_known,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_anomalies
where is_anomaly
qualify row_number() over (partition by workspace_id order by date desc, abs(score) desc, entity_id, metric) <= 10
order by workspace_id, date desc, abs(score) desc, entity_id, metric

-- One row per workspace: how many figures could be compared.
select
    workspace_id,
    count(*) as figures,
    count(*) filter (where is_anomaly or verdict = 'usual') as judged,
    count(*) filter (where is_anomaly) as unusual
from marts.rpt_anomalies
group by workspace_id

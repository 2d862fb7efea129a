-- One row per workspace: its name and when it was last read.
select
    w.workspace_id,
    w.workspace_name,
    w.as_of,
    (select any_value(value) from seeds.rules where mart = 'rpt_data_freshness' and rule = 'max_lag_hours')
        as max_lag_hours
from marts.dim_workspace as w
order by lower(w.workspace_name), w.workspace_id

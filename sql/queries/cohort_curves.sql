-- How much of a week's new leads is reached and replies, week by week?
-- Asked by: agency owner
-- How to read it: read each row from left to right: young cohorts have no later weeks yet, so compare columns, not last values; cohorts of which contacts are dated too late are left out (is_fully_read in the mart says why)
-- Empty: no cohort began after leads were first read; with e-mails read (INSTANTLY_STREAMS=core,emails) older ones are there, too
-- Columns: workspace_name, cohort_week, leads, reached_by_week_1, reached_by_week_2, reached_by_week_4, replied_by_week_4, replied_by_week_8
with cohorts as (
    select
        workspace_id,
        workspace_name,
        cohort_week,
        weeks_since,
        sum(leads) as leads,
        sum(contacted_so_far) as contacted,
        sum(replied_so_far) as replied
    from marts.rpt_cohort_weekly
    where not is_right_censored and is_fully_read
    group by workspace_id, workspace_name, cohort_week, weeks_since
)

select
    workspace_name,
    cohort_week,
    max(leads)::bigint as leads,
    round(max(contacted / leads) filter (where weeks_since = 1), 3) as reached_by_week_1,
    round(max(contacted / leads) filter (where weeks_since = 2), 3) as reached_by_week_2,
    round(max(contacted / leads) filter (where weeks_since = 4), 3) as reached_by_week_4,
    round(max(replied / leads) filter (where weeks_since = 4), 4) as replied_by_week_4,
    round(max(replied / leads) filter (where weeks_since = 8), 4) as replied_by_week_8
from cohorts
group by workspace_id, workspace_name, cohort_week
having max(leads) >= 20
order by workspace_name, workspace_id, cohort_week desc

-- One row per workspace and day of the next 14.
select
    workspace_id,
    date,
    daily_limit,
    follow_ups_due,
    headroom,
    is_over_limit,
    sent_per_sending_day_7d
from marts.rpt_capacity
where scope = 'workspace'
order by workspace_id, date

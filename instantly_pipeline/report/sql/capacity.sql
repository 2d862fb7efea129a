-- One row per workspace and day of the next 14, with the number of mailboxes that have more due than their limit.
select
    workspace_id,
    date,
    any_value(daily_limit) filter (where scope = 'workspace') as daily_limit,
    any_value(follow_ups_due) filter (where scope = 'workspace') as follow_ups_due,
    any_value(headroom) filter (where scope = 'workspace') as headroom,
    coalesce(bool_or(is_over_limit) filter (where scope = 'workspace'), false) as is_over_limit,
    count(*) filter (where scope = 'account' and is_over_limit) as mailboxes_over
from marts.rpt_capacity
group by workspace_id, date
order by workspace_id, date

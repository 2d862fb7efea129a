-- One row per workspace and day of the next 14, with the number of mailboxes that have more due than they can send.
with over_limit as (
    select
        workspace_id,
        date,
        count(*) as mailboxes
    from marts.rpt_capacity
    where is_over_limit
    group by workspace_id, date
)

select
    c.workspace_id,
    c.date,
    c.campaigns_scheduled,
    c.mailboxes,
    c.mailboxes_usable,
    c.daily_limit,
    c.usable_limit,
    c.limit_in_error,
    c.limit_paused,
    c.limit_red,
    c.limit_not_ready,
    c.limit_without_campaign,
    c.limit_without_sending_day,
    c.follow_ups_due,
    c.headroom_of_mailboxes,
    c.headroom,
    coalesce(c.is_over_limit, false) as is_over_limit,
    coalesce(o.mailboxes, 0) as mailboxes_over
from marts.rpt_workspace_capacity as c
left join over_limit as o on c.workspace_id = o.workspace_id and c.date = o.date
order by c.workspace_id, c.date

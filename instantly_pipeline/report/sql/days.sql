-- One row per workspace and day of its last 90 days.
-- A rate per 100 e-mails needs at least 100 e-mails in its seven days: otherwise a tiny first day flattens all others.
select
    workspace_id,
    date,
    sent,
    sent_7d / 7 as sent_average,
    sent_target,
    replies,
    replies_7d / 7 as replies_average,
    replies_target,
    opportunities,
    bounced,
    case
        when sum(sent_by_accounts) filter (where bounced is not null) over week >= 100
            then
                100 * sum(bounced) filter (where sent_by_accounts is not null) over week
                / sum(sent_by_accounts) filter (where bounced is not null) over week
    end as bounces_per_100,
    is_partial,
    figures_state
from marts.rpt_workspace_daily
window week as (partition by workspace_id order by date range between interval 6 days preceding and current row)
qualify max(date) over (partition by workspace_id) - date < 90
order by workspace_id, date

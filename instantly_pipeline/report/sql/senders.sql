-- One row per mailbox, the 10 of each workspace and act to look at first.
select
    workspace_id,
    email,
    status_label,
    health,
    act,
    act_reason,
    readiness,
    days_warming,
    active_campaigns,
    sent_7d,
    sent_30d,
    bounced_30d,
    bounce_rate,
    bounce_rate_low,
    bounce_rate_high,
    stat_warmup_score,
    warmup_score_change_7d,
    warmup_inbox_rate,
    utilisation_rate,
    count(*) over (partition by workspace_id, act) as of_all
from marts.rpt_sender_health
qualify
    row_number() over (
        partition by workspace_id, act
        order by array_position(['red', 'amber', 'green'], health) nulls last, sent_30d desc nulls last, email
    ) <= 10
order by
    workspace_id,
    array_position(['red', 'amber', 'green'], health) nulls last,
    sent_30d desc nulls last,
    email

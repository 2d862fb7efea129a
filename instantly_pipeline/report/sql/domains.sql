-- One row per own sending domain on its last day, the 12 of each workspace to look at first.
with latest as (
    select * from marts.rpt_domain_health
    qualify row_number() over (partition by workspace_id, domain order by date desc) = 1
)

select
    workspace_id,
    domain,
    date,
    health,
    health_reason,
    worst_email,
    sent_7d,
    bounced_7d,
    bounce_rate_7d,
    warmup_inbox_7d / nullif(warmup_sent_7d, 0) as warmup_inbox_rate_7d,
    lowest_warmup_score,
    test_inbox_rate_7d,
    count(*) over (partition by workspace_id) as of_all,
    count(*) filter (where health = 'red') over (partition by workspace_id) as of_red
from latest
qualify
    row_number() over (
        partition by workspace_id
        order by array_position(['red', 'amber', 'green'], health) nulls last, sent_7d desc nulls last, domain
    ) <= 12
order by
    workspace_id,
    array_position(['red', 'amber', 'green'], health) nulls last,
    sent_7d desc nulls last,
    domain

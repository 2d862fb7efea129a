-- One row per own sending domain and recipient provider, over the last 4 weeks with test e-mails; the 12 to look at first.
with recent as (
    select * from marts.rpt_inbox_placement
    where scope = 'domain'
    qualify week_start >= max(week_start) over (partition by workspace_id) - 21
),

summed as (
    select
        workspace_id,
        domain,
        recipient_provider,
        min(week_start) as from_week,
        sum(placed)::bigint as placed,
        sum(inbox)::bigint as inbox,
        sum(category)::bigint as category,
        sum(spam)::bigint as spam,
        sum(spf_passed) / nullif(sum(spf_checked), 0) as spf_rate,
        sum(dkim_passed) / nullif(sum(dkim_checked), 0) as dkim_rate,
        sum(dmarc_passed) / nullif(sum(dmarc_checked), 0) as dmarc_rate
    from recent
    group by workspace_id, domain, recipient_provider
    having sum(placed) > 0
)

select
    workspace_id,
    domain,
    recipient_provider,
    min(from_week) over (partition by workspace_id) as from_week,
    placed,
    category,
    spam,
    rate_of(inbox, placed) as inbox_rate,
    wilson_low(inbox, placed) as inbox_rate_low,
    wilson_high(inbox, placed) as inbox_rate_high,
    spf_rate,
    dkim_rate,
    dmarc_rate,
    count(*) over (partition by workspace_id) as of_all
from summed
qualify
    row_number() over (
        partition by workspace_id order by rate_of(inbox, placed), placed desc, domain, recipient_provider
    ) <= 12
order by workspace_id, rate_of(inbox, placed), placed desc, domain, recipient_provider

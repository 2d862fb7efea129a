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
),

domains as (
    select
        workspace_id,
        domain,
        sum(spf_passed) / nullif(sum(spf_checked), 0) as spf_rate_of_domain,
        sum(dkim_passed) / nullif(sum(dkim_checked), 0) as dkim_rate_of_domain,
        sum(dmarc_passed) / nullif(sum(dmarc_checked), 0) as dmarc_rate_of_domain
    from recent
    group by workspace_id, domain
)

select
    s.workspace_id,
    s.domain,
    s.recipient_provider,
    min(s.from_week) over (partition by s.workspace_id) as from_week,
    s.placed,
    s.category,
    s.spam,
    rate_of(s.inbox, s.placed) as inbox_rate,
    wilson_low(s.inbox, s.placed) as inbox_rate_low,
    wilson_high(s.inbox, s.placed) as inbox_rate_high,
    s.spf_rate,
    s.dkim_rate,
    s.dmarc_rate,
    d.spf_rate_of_domain,
    d.dkim_rate_of_domain,
    d.dmarc_rate_of_domain,
    count(*) over (partition by s.workspace_id) as of_all
from summed as s
inner join domains as d on s.workspace_id = d.workspace_id and s.domain = d.domain
qualify
    row_number() over (
        partition by s.workspace_id order by rate_of(s.inbox, s.placed), s.placed desc, s.domain, s.recipient_provider
    ) <= 12
order by s.workspace_id, rate_of(s.inbox, s.placed), s.placed desc, s.domain, s.recipient_provider

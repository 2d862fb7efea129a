-- Where do test e-mails land, by own domain and recipient provider?
-- Asked by: deliverability
-- How to read it: a domain that lands in spam everywhere has a bad reputation or fails SPF, DKIM or DMARC; one that does so at one provider only needs slower sending there
-- Empty: inbox placement tests are not read (INSTANTLY_STREAMS=core,placement reads them), or there are none
-- Columns: workspace_name, domain, recipient_provider, test_emails, inbox_rate, inbox_rate_low, inbox_rate_high, spam, category, spf_failed, dkim_failed, dmarc_failed
with recent as (
    select * from marts.rpt_inbox_placement
    where scope = 'domain'
    qualify week_start >= max(week_start) over (partition by workspace_id) - 21
)

select
    workspace_name,
    domain,
    recipient_provider,
    sum(placed)::bigint as test_emails,
    round(rate_of(sum(inbox), sum(placed)), 3) as inbox_rate,
    round(wilson_low(sum(inbox), sum(placed)), 3) as inbox_rate_low,
    round(wilson_high(sum(inbox), sum(placed)), 3) as inbox_rate_high,
    sum(spam)::bigint as spam,
    sum(category)::bigint as category,
    sum(spf_checked - spf_passed)::bigint as spf_failed,
    sum(dkim_checked - dkim_passed)::bigint as dkim_failed,
    sum(dmarc_checked - dmarc_passed)::bigint as dmarc_failed
from recent
group by workspace_id, workspace_name, domain, recipient_provider
order by inbox_rate_high nulls last, workspace_name, domain, recipient_provider

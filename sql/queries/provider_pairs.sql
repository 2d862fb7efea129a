-- Between which mail providers, and from which domain, do e-mails get answered or lost?
-- Asked by: deliverability
-- How to read it: the finding says which to blame: fewer replies or more bounces than other domains there is the domain's doing; than its domain elsewhere, the provider's, and with similar bounces it probably lands in spam
-- Columns: workspace_name, recipient_provider, sender_provider, sending_domain, contacted_leads, lead_reply_rate, reply_low, reply_high, domain_lead_reply_rate, lead_bounce_rate, domain_lead_bounce_rate, finding
select
    workspace_name,
    recipient_provider,
    sender_provider,
    sending_domain,
    contacted_leads,
    round(lead_reply_rate, 4) as lead_reply_rate,
    round(lead_reply_rate_low, 4) as reply_low,
    round(lead_reply_rate_high, 4) as reply_high,
    round(domain_lead_reply_rate, 4) as domain_lead_reply_rate,
    round(lead_bounce_rate, 4) as lead_bounce_rate,
    round(domain_lead_bounce_rate, 4) as domain_lead_bounce_rate,
    finding
from marts.rpt_provider_pair
where contacted_leads >= 30
order by workspace_name, finding nulls last, contacted_leads desc, recipient_provider, sender_provider, sending_domain

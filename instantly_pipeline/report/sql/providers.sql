-- One row per pair of mail providers and sending domain with something to say, the 12 of each workspace that reached most.
select
    workspace_id,
    recipient_provider,
    sender_provider,
    sending_domain,
    finding,
    contacted_leads,
    replied_leads,
    bounced_leads,
    lead_reply_rate,
    lead_reply_rate_low,
    lead_reply_rate_high,
    domain_lead_reply_rate,
    lead_bounce_rate,
    domain_lead_bounce_rate,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_provider_pair
where finding is not null and contacted_leads >= 30
qualify
    row_number() over (
        partition by workspace_id order by contacted_leads desc, recipient_provider, sender_provider, sending_domain
    ) <= 12
order by workspace_id, contacted_leads desc, recipient_provider, sender_provider, sending_domain

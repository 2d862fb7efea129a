-- Between which mail providers do e-mails get answered or lost?
-- Asked by: deliverability
-- How to read it: a pair with a reply range below the others but similar bounces probably lands in spam
-- Columns: workspace_name, recipient_provider, sender_provider, leads_reached, reply_rate, reply_low, reply_high, lead_bounce_rate
select
    workspace_name,
    recipient_provider,
    sender_provider,
    sum(leads_reached)::bigint as leads_reached,
    round(sum(repliers) / sum(leads_reached), 4) as reply_rate,
    round(wilson_low(sum(repliers), sum(leads_reached)), 4) as reply_low,
    round(wilson_high(sum(repliers), sum(leads_reached)), 4) as reply_high,
    round(sum(bounced) / sum(leads_reached), 4) as lead_bounce_rate
from marts.rpt_esp_matrix
group by workspace_id, workspace_name, recipient_provider, sender_provider
having sum(leads_reached) >= 30
order by workspace_name, recipient_provider, leads_reached desc

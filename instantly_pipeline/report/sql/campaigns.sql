-- One row per campaign, the first 20 of each workspace by the low end of the reply rate's interval.
select
    workspace_id,
    campaign_name,
    status,
    status_label,
    is_deleted,
    health,
    health_reason,
    sent,
    leads_reached,
    repliers,
    reply_rate,
    reply_rate_low,
    reply_rate_high,
    positive_leads,
    meetings,
    opportunities,
    opportunity_value,
    bounce_rate,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_campaign_summary
qualify
    row_number() over (partition by workspace_id order by rank_in_workspace nulls last, sent desc, campaign_id) <= 20
order by workspace_id, rank_in_workspace nulls last, sent desc, campaign_id

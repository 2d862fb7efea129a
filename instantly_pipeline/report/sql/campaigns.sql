-- One row per campaign, the first 20 of each workspace by the low end of the interval of positive leads per e-mail.
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
    positive_leads,
    1000 * positive_per_sent as positive_per_1000,
    1000 * positive_per_sent_low as positive_per_1000_low,
    1000 * positive_per_sent_high as positive_per_1000_high,
    meetings,
    opportunities,
    opportunity_value,
    bounce_rate,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_campaign_summary
qualify
    row_number() over (partition by workspace_id order by rank_in_workspace nulls last, sent desc, campaign_id) <= 20
order by workspace_id, rank_in_workspace nulls last, sent desc, campaign_id

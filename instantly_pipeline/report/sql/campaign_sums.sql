-- One row per workspace: totals of its campaigns.
select
    workspace_id,
    count(*) as campaigns,
    count(*) filter (where status = 1 and not is_deleted) as active,
    count(*) filter (where health = 'green') as green,
    count(*) filter (where health = 'amber') as amber,
    count(*) filter (where health = 'red') as red,
    sum(sent)::bigint as sent,
    sum(leads_reached)::bigint as leads_reached,
    sum(repliers)::bigint as repliers,
    sum(positive_leads)::bigint as positive_leads,
    1000 * sum(positive_leads) filter (where sent is not null)
    / nullif(sum(sent) filter (where positive_leads is not null), 0) as positive_per_1000,
    sum(meetings)::bigint as meetings,
    sum(opportunity_value) as opportunity_value,
    min(campaign_name) filter (where health = 'red') as a_red_one
from marts.rpt_campaign_summary
group by workspace_id

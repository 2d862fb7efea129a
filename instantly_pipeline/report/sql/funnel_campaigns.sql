-- One row per campaign that reached anybody, the 20 that reached most in each workspace.
select
    workspace_id,
    campaign_name,
    leads,
    leads_reached,
    contacts_reached,
    unique_opens,
    repliers,
    positive_leads,
    meetings,
    won,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_funnel
where leads_reached > 0
qualify row_number() over (partition by workspace_id order by leads_reached desc, campaign_id) <= 20
order by workspace_id, leads_reached desc, campaign_id

-- How full is the plan, and where are leads that can be deleted?
-- Asked by: agency owner
-- How to read it: the limit and its use are the workspace's (INSTANTLY_STREAMS=core,admin reads them, else they are empty); delete where deletable_leads is large: leads through without an answer, and copies of an address that is kept elsewhere
-- Empty: there are no leads
-- Columns: workspace_name, campaign_name, list_name, stored_leads, completed_leads, surplus_leads, deletable_leads, lead_limit, used_rate, used_rate_after
select
    p.workspace_name,
    p.campaign_name,
    p.list_name,
    p.stored_leads,
    p.completed_leads,
    p.surplus_leads,
    p.deletable_leads,
    w.lead_limit,
    round(w.used_rate, 3) as used_rate,
    round(w.used_rate_after, 3) as used_rate_after
from marts.rpt_stored_leads as p
inner join marts.rpt_stored_contacts as w on p.workspace_id = w.workspace_id
order by p.deletable_leads desc, p.workspace_name, p.campaign_name, p.list_name

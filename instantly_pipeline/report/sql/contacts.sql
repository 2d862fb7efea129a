-- One row per workspace: its leads and the people behind them, and what deleting would free of the plan.
select
    workspace_id,
    stored_leads,
    contacts,
    contacted_leads,
    contacts_reached,
    completed_leads,
    surplus_leads,
    deletable_leads,
    plan_name,
    lead_limit,
    metered_leads,
    used_rate,
    used_rate_after
from marts.rpt_stored_contacts

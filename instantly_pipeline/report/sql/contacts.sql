-- One row per workspace: the leads that were contacted, and the people behind them.
select
    workspace_id,
    contacted_leads,
    contacts_reached
from marts.rpt_stored_contacts

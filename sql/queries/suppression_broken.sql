-- Was anybody contacted after being blocked or unsubscribing?
-- Asked by: deliverability
-- How to read it: certain cases risk complaints: remove these contacts from their campaigns
-- Empty: nobody, as far as syncs saw
-- Columns: workspace_name, email, suppressed_by, suppressed_since, contacts_after, last_contacted_at, is_certain, campaign_names
select
    workspace_name,
    email,
    suppressed_by,
    suppressed_since,
    contacts_after,
    last_contacted_at,
    is_certain,
    campaign_names
from marts.rpt_suppression_audit
where finding = 'contacted'
order by is_certain desc, last_contacted_at desc

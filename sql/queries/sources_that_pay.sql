-- Which lists, upload methods and kinds of leads bring positive replies and meetings, and at what cost?
-- Asked by: agency owner
-- How to read it: within a source compare the low ends; costs need sql/seeds/costs.csv, custom variables sql/seeds/source_variables.csv
-- Columns: workspace_name, source, source_name, contacted_leads, contacts_reached, replied_leads, became_positive_leads, meeting_leads, lead_positive_rate, positive_low, positive_high, positive_value, cost
select
    workspace_name,
    coalesce(variable, source) as source,
    coalesce(source_name, 'none') as source_name,
    contacted_leads,
    contacts_reached,
    replied_leads,
    became_positive_leads,
    meeting_leads,
    round(lead_positive_rate, 4) as lead_positive_rate,
    round(lead_positive_rate_low, 4) as positive_low,
    round(lead_positive_rate_high, 4) as positive_high,
    positive_value,
    cost
from marts.rpt_source_performance
where contacted_leads > 0
order by workspace_name, coalesce(variable, source), lead_positive_rate_low desc, contacted_leads desc

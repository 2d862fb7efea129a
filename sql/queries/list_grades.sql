-- Which lead lists are good enough to send to?
-- Asked by: deliverability
-- How to read it: clean lists graded D or E before you add them to a campaign; the reason says what to clean
-- Columns: workspace_name, list_name, grade, grade_reason, leads, contacts, checked_leads, invalid, blocked, duplicates, lead_bounce_rate, lead_positive_rate
select
    workspace_name,
    list_name,
    grade,
    grade_reason,
    leads,
    contacts,
    checked_leads,
    invalid,
    blocked,
    duplicates,
    round(lead_bounce_rate, 4) as lead_bounce_rate,
    round(lead_positive_rate, 4) as lead_positive_rate
from marts.rpt_list_quality
where is_listed
order by grade desc nulls last, leads desc

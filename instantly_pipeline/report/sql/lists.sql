-- One row per listed lead list with a grade, the 12 of each workspace to look at first.
select
    workspace_id,
    list_name,
    grade,
    grade_reason,
    leads,
    contacts,
    contacted_leads,
    became_positive_leads,
    lead_positive_rate,
    lead_positive_rate_low,
    lead_positive_rate_high,
    lead_bounce_rate,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_list_quality
where is_listed and grade is not null
qualify row_number() over (partition by workspace_id order by grade desc, leads desc, list_id) <= 12
order by workspace_id, grade desc, leads desc, list_id

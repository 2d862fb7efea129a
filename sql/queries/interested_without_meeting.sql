-- Which leads are interested and have no meeting yet, and for how long?
-- Asked by: sales lead
-- How to read it: the longest waiting come first; call them
-- Columns: workspace_name, campaign_name, email, interest_label, since, days_waiting, last_contacted_from
select
    l.workspace_name,
    l.campaign_name,
    l.email,
    l.interest_label,
    l.timestamp_last_interest_change as since,
    date_diff('day', l.timestamp_last_interest_change, w.as_of) as days_waiting,
    l.last_contacted_from
from marts.dim_lead as l
inner join marts.dim_workspace as w on l.workspace_id = w.workspace_id
where l.is_positive and not l.is_deleted and l.lt_interest_status not in (2, 3, 4)
order by days_waiting desc nulls last, l.email

-- Which kinds of leads reply best, by a custom variable (here city)?
-- Asked by: sales lead
-- How to read it: replace city by the name of your variable; compare groups of different size by the low end
-- Columns: workspace_name, city, contacted_leads, replied_leads, reply_rate, low, high
select
    l.workspace_name,
    v.value as city,
    count(*) as contacted_leads,
    count(*) filter (where l.email_reply_count > 0) as replied_leads,
    round(count(*) filter (where l.email_reply_count > 0) / count(*), 3) as reply_rate,
    round(wilson_low(count(*) filter (where l.email_reply_count > 0), count(*)), 3) as low,
    round(wilson_high(count(*) filter (where l.email_reply_count > 0), count(*)), 3) as high
from marts.lead_custom_variables as v
inner join marts.dim_lead as l on v.workspace_id = l.workspace_id and v.lead_id = l.lead_id
where v.name = 'city' and l.timestamp_last_contact is not null
group by l.workspace_id, l.workspace_name, v.value
having count(*) >= 20
order by low desc, contacted_leads desc

-- Who is in too many campaigns at once?
-- Asked by: deliverability
-- How to read it: keep each of these contacts in one campaign and take them out of the others
-- Empty: no contact is
-- Columns: workspace_name, email, pressure, active_campaigns, campaigns_contacted_30d, campaign_names
select
    p.workspace_name,
    p.email,
    p.pressure,
    p.active_campaigns,
    p.campaigns_contacted_30d,
    string_agg(distinct l.campaign_name, '; ' order by l.campaign_name) as campaign_names
from marts.rpt_contact_pressure as p
left join marts.dim_lead as l
    on p.workspace_id = l.workspace_id and p.email = lower(trim(l.email)) and not l.is_deleted
where p.pressure in ('amber', 'red')
group by p.workspace_id, p.workspace_name, p.email, p.pressure, p.active_campaigns, p.campaigns_contacted_30d
order by p.pressure desc, p.campaigns_contacted_30d + p.active_campaigns desc, p.email

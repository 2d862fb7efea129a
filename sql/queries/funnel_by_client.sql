-- Where does each client lose its leads?
-- Asked by: agency owner
-- How to read it: each column is a stage; look for the stage at which a client falls furthest behind the others; sql/seeds/clients.csv says which campaigns are whose
-- Columns: client, workspace_name, leads, leads_reached, repliers, positive_leads, meetings, won, reached_rate, reply_rate, positive_per_reply
select
    coalesce(c.client, '(no client)') as client,
    f.workspace_name,
    sum(f.leads)::bigint as leads,
    sum(f.leads_reached)::bigint as leads_reached,
    sum(f.repliers)::bigint as repliers,
    sum(f.positive_leads)::bigint as positive_leads,
    sum(f.meetings)::bigint as meetings,
    sum(f.won)::bigint as won,
    round(sum(f.leads_reached) / nullif(sum(f.leads) filter (where f.leads_reached is not null), 0), 3) as reached_rate,
    round(sum(f.repliers) / nullif(sum(f.leads_reached) filter (where f.repliers is not null), 0), 4) as reply_rate,
    round(sum(f.positive_leads) / nullif(sum(f.repliers) filter (where f.positive_leads is not null), 0), 3)
        as positive_per_reply
from marts.rpt_funnel as f
inner join marts.dim_campaign as c on f.workspace_id = c.workspace_id and f.campaign_id = c.campaign_id
group by c.client, f.workspace_id, f.workspace_name
order by client, f.workspace_name

-- Where does each client lose its leads?
-- Asked by: agency owner
-- How to read it: each column is a stage; look for the stage at which a client falls furthest behind the others
-- Columns: workspace_name, leads, leads_reached, repliers, positive_leads, meetings, won, reached_rate, reply_rate, positive_per_reply
select
    workspace_name,
    sum(leads)::bigint as leads,
    sum(leads_reached)::bigint as leads_reached,
    sum(repliers)::bigint as repliers,
    sum(positive_leads)::bigint as positive_leads,
    sum(meetings)::bigint as meetings,
    sum(won)::bigint as won,
    round(sum(leads_reached) / nullif(sum(leads) filter (where leads_reached is not null), 0), 3) as reached_rate,
    round(sum(repliers) / nullif(sum(leads_reached) filter (where repliers is not null), 0), 4) as reply_rate,
    round(sum(positive_leads) / nullif(sum(repliers) filter (where positive_leads is not null), 0), 3)
        as positive_per_reply
from marts.rpt_funnel
group by workspace_id, workspace_name
order by workspace_name

-- One row per client with a campaign: when the last read of its workspaces was, of several the earliest.
select
    c.client,
    c.campaigns,
    c.campaigns_active,
    min(w.as_of) as as_of
from marts.dim_client as c
inner join marts.dim_campaign as k on c.client = k.client
inner join marts.dim_workspace as w on k.workspace_id = w.workspace_id
group by c.client, c.campaigns, c.campaigns_active
order by lower(c.client), c.client

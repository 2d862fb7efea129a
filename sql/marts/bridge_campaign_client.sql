-- one row per campaign and client that seeds.clients gives it
select
    c.workspace_id,
    w.workspace_name,
    c.campaign_id,
    k.campaign_name,
    c.client,
    c.match_by,
    c.clients
from intermediate.int_campaign_client as c
left join marts.dim_workspace as w on c.workspace_id = w.workspace_id
left join intermediate.int_campaign as k on c.workspace_id = k.workspace_id and c.campaign_id = k.campaign_id
order by w.workspace_name, k.campaign_name, c.workspace_id, c.campaign_id, c.client

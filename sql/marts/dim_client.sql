-- one row per client that a line of seeds.clients names
-- A line for * names a client after each tag or workspace that it matches.
with named as (
    select client from seeds.clients
    where client <> '*'
    union
    select client from intermediate.int_campaign_client
),

campaigns as (
    select
        c.client,
        count(*) as campaigns,
        count(*) filter (where k.is_listed and k.status = 1) as campaigns_active,
        count(distinct c.workspace_id) as workspaces
    from intermediate.int_campaign_client as c
    left join intermediate.int_campaign as k on c.workspace_id = k.workspace_id and c.campaign_id = k.campaign_id
    where c.clients = 1
    group by c.client
)

select
    n.client,
    coalesce(c.workspaces, 0) as workspaces,
    coalesce(c.campaigns, 0) as campaigns,
    coalesce(c.campaigns_active, 0) as campaigns_active
from named as n
left join campaigns as c on n.client = c.client
order by n.client

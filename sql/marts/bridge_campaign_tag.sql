-- one row per listed campaign and tag that it carries itself
select
    t.workspace_id,
    w.workspace_name,
    t.campaign_id,
    k.campaign_name,
    t.tag_id,
    t.label
from intermediate.int_campaign_tag as t
left join marts.dim_workspace as w on t.workspace_id = w.workspace_id
left join intermediate.int_campaign as k on t.workspace_id = k.workspace_id and t.campaign_id = k.campaign_id
order by w.workspace_name, k.campaign_name, t.label, t.workspace_id, t.campaign_id, t.tag_id

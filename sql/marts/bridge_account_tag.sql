-- one row per listed sending account and tag that it carries
select
    t.workspace_id,
    w.workspace_name,
    t.email,
    t.tag_id,
    coalesce(t.label, g.label, t.tag_id) as label
from intermediate.int_account_tag as t
left join marts.dim_workspace as w on t.workspace_id = w.workspace_id
left join staging.stg_custom_tags as g on t.workspace_id = g.workspace_id and t.tag_id = g.id
where not t.is_deleted
order by w.workspace_name, t.email, label, t.workspace_id, t.tag_id

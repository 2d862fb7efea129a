-- one row per listed campaign and tag that it carries itself
-- What is tagged is told by its id: which number of `resource_type` is a campaign is documented both ways. Mappings may
-- name campaigns and tags that no longer exist.
with mapped as (
    select
        m.workspace_id,
        c.id as campaign_id,
        m.tag_id,
        any_value(coalesce(t.label, m.tag_id)) as label
    from staging.stg_custom_tag_mappings as m
    inner join staging.stg_campaigns as c on m.workspace_id = c.workspace_id and m.resource_id = c.id
    left join staging.stg_custom_tags as t on m.workspace_id = t.workspace_id and m.tag_id = t.id
    where m.tag_id is not null and not m.is_deleted and not c.is_deleted and not coalesce(t.is_deleted, false)
    group by m.workspace_id, c.id, m.tag_id
)

select * from mapped

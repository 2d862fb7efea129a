-- one row per account and tag that it carries, deleted accounts included
-- An account's own list of its tags is as of the last sync. Mappings count where the API does not send that list; they
-- may name what no longer exists.
with own as (
    select
        workspace_id,
        email,
        is_deleted,
        unnest(from_json(tags, '[{"id": "VARCHAR", "label": "VARCHAR"}]')) as tag
    from staging.stg_accounts
    where json_type(tags) = 'ARRAY'
),

mapped as (
    select
        m.workspace_id,
        a.email,
        a.is_deleted,
        m.tag_id,
        t.label
    from staging.stg_custom_tag_mappings as m
    inner join staging.stg_accounts as a on m.workspace_id = a.workspace_id and contact_of(m.resource_id) = a.email
    left join staging.stg_custom_tags as t on m.workspace_id = t.workspace_id and m.tag_id = t.id
    where not m.is_deleted and a.tags is null and not coalesce(t.is_deleted, false)
),

every as (
    select workspace_id, email, is_deleted, tag.id as tag_id, tag.label from own
    union all
    select * from mapped
)

select
    workspace_id,
    email,
    tag_id,
    any_value(label order by label) as label,
    any_value(is_deleted) as is_deleted
from every
where tag_id is not null
group by workspace_id, email, tag_id

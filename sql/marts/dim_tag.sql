-- one row per tag, deleted ones included
with on_accounts as (
    select
        workspace_id,
        tag_id,
        max(label) as label,
        count(*) as accounts
    from intermediate.int_account_tag
    where not is_deleted
    group by workspace_id, tag_id
),

on_campaigns as (
    select
        workspace_id,
        tag_id,
        count(*) as campaigns
    from intermediate.int_campaign_tag
    group by workspace_id, tag_id
),

campaign_tags as (
    select
        workspace_id,
        id as campaign_id,
        unnest(from_json(email_tag_list, '["VARCHAR"]')) as tag_id
    from staging.stg_campaigns
    where not is_deleted and json_type(email_tag_list) = 'ARRAY'
),

sending_with as (
    select
        workspace_id,
        tag_id,
        count(distinct campaign_id) as campaigns
    from campaign_tags
    group by workspace_id, tag_id
),

-- the API does not send the tags of accounts and the sender tags of campaigns to everyone
shown_tags as (
    select
        workspace_id,
        bool_or(entity = 'account') as has_account_tags,
        bool_or(entity = 'campaign') as has_campaign_tags
    from (
        select workspace_id, 'account' as entity from staging.stg_accounts where not is_deleted and tags is not null
        union
        select workspace_id, 'campaign' from staging.stg_campaigns where not is_deleted and email_tag_list is not null
    ) as fields
    group by workspace_id
),

known as (
    select workspace_id, id as tag_id from staging.stg_custom_tags
    union
    select workspace_id, tag_id from on_accounts
    union
    select workspace_id, tag_id from sending_with
),

joined as (
    select
        k.workspace_id,
        w.workspace_name,
        k.tag_id,
        coalesce(t.label, a.label, k.tag_id) as label,
        t.description,
        t.id is not null and not t.is_deleted as is_listed,
        coalesce(t.is_deleted, false) as is_deleted,
        case when o.has_account_tags or (p.has_tag_mappings and p.has_accounts) then coalesce(a.accounts, 0) end
            as accounts,
        case when p.has_tag_mappings and p.has_campaigns then coalesce(c.campaigns, 0) end as campaigns,
        case when o.has_campaign_tags then coalesce(s.campaigns, 0) end as campaigns_sending_with_it,
        t.timestamp_created,
        t.timestamp_updated,
        t.first_seen_at,
        t.deleted_at
    from known as k
    left join staging.stg_custom_tags as t on k.workspace_id = t.workspace_id and k.tag_id = t.id
    left join on_accounts as a on k.workspace_id = a.workspace_id and k.tag_id = a.tag_id
    left join on_campaigns as c on k.workspace_id = c.workspace_id and k.tag_id = c.tag_id
    left join sending_with as s on k.workspace_id = s.workspace_id and k.tag_id = s.tag_id
    left join shown_tags as o on k.workspace_id = o.workspace_id
    left join intermediate.int_workspace_streams as p on k.workspace_id = p.workspace_id
    left join marts.dim_workspace as w on k.workspace_id = w.workspace_id
    where k.tag_id is not null
)

select * from joined
order by workspace_name, label, workspace_id, tag_id

-- one row per campaign and account that sends for it: listed in the campaign, or tagged with one of its sender tags
with campaigns as (
    select * from staging.stg_campaigns where not is_deleted
),

named as (
    select
        workspace_id,
        id as campaign_id,
        lower(unnest(from_json(email_list, '["VARCHAR"]'))) as email
    from campaigns
    where json_type(email_list) = 'ARRAY'
),

wanted_tags as (
    select
        workspace_id,
        id as campaign_id,
        unnest(from_json(email_tag_list, '["VARCHAR"]')) as tag_id
    from campaigns
    where json_type(email_tag_list) = 'ARRAY'
),

every as (
    select workspace_id, campaign_id, email from named
    union
    select c.workspace_id, c.campaign_id, a.email
    from wanted_tags as c
    inner join intermediate.int_account_tag as a on c.workspace_id = a.workspace_id and c.tag_id = a.tag_id
)

select * from every

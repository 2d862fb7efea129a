-- one row per campaign and account that sends for it, and how that is known
-- By its address in the campaign, by one of the campaign's sender tags, or by the API's own mapping of accounts to
-- campaigns. Mappings are asked for once a week; what was edited since counts as the campaign itself says.
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
    select
        workspace_id,
        campaign_id,
        email,
        'address' as known_by
    from named
    where email is not null
    union all
    select
        c.workspace_id,
        c.campaign_id,
        a.email,
        'tag'
    from wanted_tags as c
    inner join intermediate.int_account_tag as a on c.workspace_id = a.workspace_id and c.tag_id = a.tag_id
    union all
    select
        m.workspace_id,
        m.campaign_id,
        m.email,
        'mapping'
    from staging.stg_account_campaign_mappings as m
    inner join campaigns as c on m.workspace_id = c.workspace_id and m.campaign_id = c.id
    where not m.is_deleted and m.email is not null and coalesce(m.verified_at >= c.timestamp_updated, true)
)

select
    workspace_id,
    campaign_id,
    email,
    bool_or(known_by = 'address') as by_address,
    bool_or(known_by = 'tag') as by_tag,
    bool_or(known_by = 'mapping') as by_mapping
from every
group by workspace_id, campaign_id, email

-- one row per campaign that occurs in any stream, listed now or not
with known as (
    select workspace_id, id as campaign_id from staging.stg_campaigns
    union
    select workspace_id, campaign_id from staging.stg_campaign_analytics
    union
    select workspace_id, campaign_id from staging.stg_daily_analytics
    union
    select workspace_id, campaign_id from staging.stg_step_analytics
    union
    select workspace_id, campaign from staging.stg_leads_history
    union
    select workspace_id, campaign_id from staging.stg_emails
    union
    select workspace_id, campaign_id from staging.stg_webhook_events
    union
    select workspace_id, parent_campaign from staging.stg_subsequences
),

-- an event may be all that is known of a campaign which was deleted before the first sync
told as (
    select
        workspace_id,
        campaign_id,
        arg_max(campaign_name, timestamp) as campaign_name
    from staging.stg_webhook_events
    group by workspace_id, campaign_id
),

named as (
    select
        k.workspace_id,
        k.campaign_id,
        coalesce(c.name, a.campaign_name, t.campaign_name, k.campaign_id) as campaign_name,
        coalesce(c.status, a.campaign_status) as status,
        coalesce(c.status_label, a.campaign_status_label) as status_label,
        c.open_tracking,
        c.link_tracking,
        c.id is not null as is_described,
        c.id is not null and not c.is_deleted as is_listed,
        coalesce(c.is_deleted, false) as is_deleted
    from known as k
    left join staging.stg_campaigns as c
        on k.workspace_id = c.workspace_id and k.campaign_id = c.id
    left join staging.stg_campaign_analytics as a
        on k.workspace_id = a.workspace_id and k.campaign_id = a.campaign_id
    left join told as t on k.workspace_id = t.workspace_id and k.campaign_id = t.campaign_id
    where k.campaign_id is not null
)

select * from named

-- one row per workspace and stream that was ever read: what has no row in it is nothing; in others nothing is known
with seen as (
    select workspace_id, stream, last_success_at at time zone 'UTC' as last_read_at from meta.stream_status
    where last_success_at is not null
    union all
    select workspace_id, 'campaigns', null from staging.stg_campaigns
    union all
    select workspace_id, 'leads', null from staging.stg_leads
    union all
    select workspace_id, 'accounts', null from staging.stg_accounts
    union all
    select workspace_id, 'campaign_analytics', null from staging.stg_campaign_analytics
    union all
    select workspace_id, 'daily_analytics', null from staging.stg_daily_analytics
    union all
    select workspace_id, 'account_daily_analytics', null from staging.stg_account_daily_analytics
    union all
    select workspace_id, 'warmup_analytics', null from staging.stg_warmup_analytics
    union all
    select workspace_id, 'block_list_entries', null from staging.stg_block_list_entries
),

read as (
    select
        workspace_id,
        stream,
        max(last_read_at) as last_read_at
    from seen
    group by workspace_id, stream
)

select * from read

-- one row per workspace and stream that was ever read: what has no row in it is nothing; in others nothing is known
with seen as (
    select workspace_id, stream from meta.stream_status where last_success_at is not null
    union
    select workspace_id, 'campaigns' from staging.stg_campaigns
    union
    select workspace_id, 'leads' from staging.stg_leads
    union
    select workspace_id, 'accounts' from staging.stg_accounts
    union
    select workspace_id, 'campaign_analytics' from staging.stg_campaign_analytics
    union
    select workspace_id, 'daily_analytics' from staging.stg_daily_analytics
    union
    select workspace_id, 'account_daily_analytics' from staging.stg_account_daily_analytics
    union
    select workspace_id, 'warmup_analytics' from staging.stg_warmup_analytics
    union
    select workspace_id, 'block_list_entries' from staging.stg_block_list_entries
)

select * from seen

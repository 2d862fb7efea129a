-- one row per workspace and stream with rows: when they were last read, and how far they reach
-- `last_date` is for streams with days, `oldest_verified_at` for leads, which are read in parts.
with reach as (
    select
        workspace_id,
        'workspaces' as stream,
        max(verified_at) as last_verified_at
    from staging.stg_workspaces
    group by workspace_id
    union all by name
    select
        workspace_id,
        'campaigns' as stream,
        max(verified_at) as last_verified_at
    from staging.stg_campaigns
    group by workspace_id
    union all by name
    select
        workspace_id,
        'accounts' as stream,
        max(verified_at) as last_verified_at
    from staging.stg_accounts
    group by workspace_id
    union all by name
    select
        workspace_id,
        'leads' as stream,
        max(verified_at) as last_verified_at,
        min(verified_at) filter (where not is_deleted) as oldest_verified_at
    from staging.stg_leads
    group by workspace_id
    union all by name
    select
        workspace_id,
        'block_list_entries' as stream,
        max(verified_at) as last_verified_at
    from staging.stg_block_list_entries
    group by workspace_id
    union all by name
    select
        workspace_id,
        'campaign_analytics' as stream,
        max(verified_at) as last_verified_at
    from staging.stg_campaign_analytics
    group by workspace_id
    union all by name
    select
        workspace_id,
        'daily_analytics' as stream,
        max(verified_at) as last_verified_at,
        max(date) as last_date
    from staging.stg_daily_analytics
    group by workspace_id
    union all by name
    select
        workspace_id,
        'workspace_daily_analytics' as stream,
        max(verified_at) as last_verified_at,
        max(date) as last_date
    from staging.stg_workspace_daily_analytics
    group by workspace_id
    union all by name
    select
        workspace_id,
        'step_analytics' as stream,
        max(verified_at) as last_verified_at,
        max(date) as last_date
    from staging.stg_step_analytics
    group by workspace_id
    union all by name
    select
        workspace_id,
        'account_daily_analytics' as stream,
        max(verified_at) as last_verified_at,
        max(date) as last_date
    from staging.stg_account_daily_analytics
    group by workspace_id
    union all by name
    select
        workspace_id,
        'warmup_analytics' as stream,
        max(verified_at) as last_verified_at,
        max(date) as last_date
    from staging.stg_warmup_analytics
    group by workspace_id
)

select * from reach

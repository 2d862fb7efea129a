-- one row per workspace and stream that has days of its own or is read piece by piece: how far it reaches
with leads as (
    select workspace_id, min(verified_at) as oldest_verified_at from staging.stg_leads
    where not is_deleted
    group by workspace_id
),

reach as (
    select workspace_id, 'leads' as stream, null::date as last_date, oldest_verified_at from leads
    union all
    select workspace_id, 'daily_analytics', max(date), null::timestamp from staging.stg_daily_analytics
    group by workspace_id
    union all
    select workspace_id, 'workspace_daily_analytics', max(date), null from staging.stg_workspace_daily_analytics
    group by workspace_id
    union all
    select workspace_id, 'step_analytics', max(date), null from staging.stg_step_analytics
    group by workspace_id
    union all
    select workspace_id, 'account_daily_analytics', max(date), null from staging.stg_account_daily_analytics
    group by workspace_id
    union all
    select workspace_id, 'warmup_analytics', max(date), null from staging.stg_warmup_analytics
    group by workspace_id
)

select * from reach

-- one row per sending account, deleted ones included
with known as (
    select workspace_id, email from staging.stg_accounts
    union
    select workspace_id, email from staging.stg_account_daily_analytics
    union
    select workspace_id, email from staging.stg_warmup_analytics
),

joined as (
    select
        k.workspace_id,
        w.workspace_name,
        k.email,
        domain_of(k.email) as domain,
        a.first_name,
        a.last_name,
        a.status,
        a.status_label,
        a.warmup_status,
        a.warmup_status_label,
        a.provider_code,
        a.provider_code_label,
        a.email is not null and not a.is_deleted as is_listed,
        coalesce(a.is_deleted, false) as is_deleted,
        a.setup_pending,
        a.is_managed_account,
        a.enable_slow_ramp,
        a.tracking_domain_name,
        a.tracking_domain_status,
        array_to_string(list_sort(a.tags ->> '$[*].label'), ', ') as tags,
        a.stat_warmup_score,
        a.daily_limit,
        try_cast(a.warmup ->> '$.limit' as bigint) as warmup_limit,
        a.sending_gap,
        a.timestamp_created,
        a.timestamp_updated,
        a.timestamp_warmup_start,
        a.first_seen_at,
        a.deleted_at,
        a.verified_at
    from known as k
    left join staging.stg_accounts as a on k.workspace_id = a.workspace_id and k.email = a.email
    left join marts.dim_workspace as w on k.workspace_id = w.workspace_id
    where k.email is not null
)

select * from joined
order by workspace_name, domain, email, workspace_id

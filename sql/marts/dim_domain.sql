-- one row per own sending domain, including those whose accounts are all deleted
with accounts as (
    select * from marts.dim_account
),

domains as (
    select
        workspace_id,
        any_value(workspace_name) as workspace_name,
        domain,
        string_agg(distinct provider_code_label, ', ' order by provider_code_label) filter (where is_listed)
            as providers,
        bool_or(is_listed) as is_listed,
        count(*) filter (where is_listed) as accounts,
        whole_sum(if(is_listed, (status = 1)::bigint, 0))::bigint as accounts_active,
        whole_sum(if(is_listed, (status = 2)::bigint, 0))::bigint as accounts_paused,
        whole_sum(if(is_listed, (status < 0)::bigint, 0))::bigint as accounts_with_errors,
        count(*) filter (where is_listed and warmup_status = 1) as accounts_warming_up,
        count(*) filter (where is_deleted) as accounts_deleted,
        whole_sum(
            case when is_listed and status is null then null when is_listed and status = 1 then daily_limit else 0 end
        )::bigint as daily_limit,
        min(stat_warmup_score) filter (where is_listed) as lowest_warmup_score,
        avg(stat_warmup_score) filter (where is_listed) as average_warmup_score,
        min(timestamp_created) as first_account_created_at,
        min(first_seen_at) as first_seen_at
    from accounts
    where domain is not null
    group by workspace_id, domain
)

select * from domains
order by workspace_name, domain, workspace_id

-- one row per sending account and version: what changed when
-- A version begins when a sync first saw it. Changes that were undone between two syncs are not seen.
with versions as (
    select
        *,
        row_number() over by_time as version,
        lag(_op) over by_time as op_before,
        -- noqa: disable=layout.long_lines
        [x for x in [
            case when first_name is distinct from lag(first_name) over by_time then 'first_name' end,
            case when last_name is distinct from lag(last_name) over by_time then 'last_name' end,
            case when status is distinct from lag(status) over by_time then 'status' end,
            case when warmup_status is distinct from lag(warmup_status) over by_time then 'warmup_status' end,
            case when status_message is distinct from lag(status_message) over by_time then 'status_message' end,
            case when provider_code is distinct from lag(provider_code) over by_time then 'provider_code' end,
            case when setup_pending is distinct from lag(setup_pending) over by_time then 'setup_pending' end,
            case when is_managed_account is distinct from lag(is_managed_account) over by_time then 'is_managed_account' end,
            case when enable_slow_ramp is distinct from lag(enable_slow_ramp) over by_time then 'enable_slow_ramp' end,
            case when autofix_failed is distinct from lag(autofix_failed) over by_time then 'autofix_failed' end,
            case when tracking_domain_name is distinct from lag(tracking_domain_name) over by_time then 'tracking_domain_name' end,
            case when tracking_domain_status is distinct from lag(tracking_domain_status) over by_time then 'tracking_domain_status' end,
            case when reply_to is distinct from lag(reply_to) over by_time then 'reply_to' end,
            case when signature is distinct from lag(signature) over by_time then 'signature' end,
            case when warmup is distinct from lag(warmup) over by_time then 'warmup' end,
            case when tags is distinct from lag(tags) over by_time then 'tags' end,
            case when stat_warmup_score is distinct from lag(stat_warmup_score) over by_time then 'stat_warmup_score' end,
            case when daily_limit is distinct from lag(daily_limit) over by_time then 'daily_limit' end,
            case when daily_limit_max is distinct from lag(daily_limit_max) over by_time then 'daily_limit_max' end,
            case when warmup_limit_max is distinct from lag(warmup_limit_max) over by_time then 'warmup_limit_max' end,
            case when inbox_placement_test_limit is distinct from lag(inbox_placement_test_limit) over by_time then 'inbox_placement_test_limit' end,
            case when sending_gap is distinct from lag(sending_gap) over by_time then 'sending_gap' end
        ] if x is not null] as changed_columns
        -- noqa: enable=layout.long_lines
    from history.accounts
    window by_time as (partition by workspace_id, _key order by _valid_from)
),

named as (
    select
        v.workspace_id,
        w.workspace_name,
        lower(coalesce(v.email, v._key ->> '$[0]')) as email,
        domain_of(coalesce(v.email, v._key ->> '$[0]')) as domain,
        v.version,
        version_event(v.version, v._op, v.op_before) as event,
        case when v._op = 'upsert' and v.op_before = 'upsert' then array_to_string(v.changed_columns, ', ') end
            as changed,
        v._valid_to is null as is_current,
        v.status,
        account_status_label(v.status) as status_label,
        v.warmup_status,
        warmup_status_label(v.warmup_status) as warmup_status_label,
        v.setup_pending,
        v.tracking_domain_name,
        v.tracking_domain_status,
        array_to_string(list_sort(v.tags ->> '$[*].label'), ', ') as tags,
        v.stat_warmup_score,
        v.daily_limit,
        try_cast(v.warmup ->> '$.limit' as bigint) as warmup_limit,
        v.sending_gap,
        v._valid_from at time zone 'UTC' as valid_from,
        v._valid_to at time zone 'UTC' as valid_to
    from versions as v
    left join marts.dim_workspace as w on v.workspace_id = w.workspace_id
)

select * from named
order by workspace_name, email, workspace_id, version

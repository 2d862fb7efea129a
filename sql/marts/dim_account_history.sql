-- one row per sending account and version: what changed when
-- A version begins when a sync first saw it. Changes that were undone between two syncs are not seen. Who made a change
-- is the last fitting entry of the audit log between the reading that saw the version before and the one that saw it.
with versions as (
    select
        *,
        row_number() over by_time as version,
        lag(_op) over by_time as op_before,
        lag(_valid_from) over by_time as valid_from_before,
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

readings as (
    select
        workspace_id,
        run_id,
        started_at
    from meta.stream_runs
    where stream = 'accounts' and outcome in ('ok', 'partial', 'held')
),

events as (
    select
        v.*,
        lower(coalesce(v.email, v._key ->> '$[0]')) as named,
        version_event(v.version, v._op, v.op_before) as event,
        -- a deletion may be held for several readings
        case when event = 'deleted' then v.valid_from_before else coalesce(r.started_at, v.valid_from_before) end
        at time zone 'UTC' as seen_before_at
    from versions as v
    asof left join readings as r on v.workspace_id = r.workspace_id and v._run_id > r.run_id
),

explained as (
    select
        v.workspace_id,
        v.named,
        v.version,
        arg_max(
            {
                'happened_at': e.happened_at, 'user_id': e.user_id, 'user_name': e.user_name,
                'api_key_name': e.api_key_name
            },
            row(e.happened_at, e.entry_id)
        ) as entry
    from events as v
    inner join intermediate.int_audit_entry as e
        on v.workspace_id = e.workspace_id and v.named = e.named and e.kind = 'account'
    where
        e.happened_at > v.seen_before_at and e.happened_at <= v._valid_from at time zone 'UTC'
        and (
            (e.activity_type = 6 and v.event in ('first seen', 'came back'))
            or (e.activity_type = 7 and v.event = 'deleted')
            or (
                e.activity_type = 36 and v.event = 'changed'
                and is_by_hand(v.changed_columns, ['stat_warmup_score', 'status_message', 'autofix_failed'])
            )
        )
    group by v.workspace_id, v.named, v.version
),

named as (
    select
        v.workspace_id,
        w.workspace_name,
        v.named as email,
        domain_of(coalesce(v.email, v._key ->> '$[0]')) as domain,
        v.version,
        v.event,
        case when v.event = 'changed' then array_to_string(v.changed_columns, ', ') end as changed,
        x.entry.user_name as changed_by,
        x.entry.user_id as changed_by_user_id,
        x.entry.api_key_name as changed_by_api_key,
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
        x.entry.happened_at as change_made_at,
        v._valid_from at time zone 'UTC' as valid_from,
        v._valid_to at time zone 'UTC' as valid_to
    from events as v
    left join explained as x
        on v.workspace_id = x.workspace_id and v.named = x.named and v.version = x.version
    left join marts.dim_workspace as w on v.workspace_id = w.workspace_id
)

select * from named
order by workspace_name, email, workspace_id, version

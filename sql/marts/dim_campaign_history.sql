-- one row per campaign and version: what changed when
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
            case when name is distinct from lag(name) over by_time then 'name' end,
            case when status is distinct from lag(status) over by_time then 'status' end,
            case when not_sending_status is distinct from lag(not_sending_status) over by_time then 'not_sending_status' end,
            case when owned_by is distinct from lag(owned_by) over by_time then 'owned_by' end,
            case when is_evergreen is distinct from lag(is_evergreen) over by_time then 'is_evergreen' end,
            case when campaign_schedule is distinct from lag(campaign_schedule) over by_time then 'campaign_schedule' end,
            case when sequences is distinct from lag(sequences) over by_time then 'sequences' end,
            case when email_list is distinct from lag(email_list) over by_time then 'email_list' end,
            case when email_tag_list is distinct from lag(email_tag_list) over by_time then 'email_tag_list' end,
            case when cc_list is distinct from lag(cc_list) over by_time then 'cc_list' end,
            case when bcc_list is distinct from lag(bcc_list) over by_time then 'bcc_list' end,
            case when auto_variant_select is distinct from lag(auto_variant_select) over by_time then 'auto_variant_select' end,
            case when limit_emails_per_company_override is distinct from lag(limit_emails_per_company_override) over by_time then 'limit_emails_per_company_override' end,
            case when provider_routing_rules is distinct from lag(provider_routing_rules) over by_time then 'provider_routing_rules' end,
            case when text_only is distinct from lag(text_only) over by_time then 'text_only' end,
            case when first_email_text_only is distinct from lag(first_email_text_only) over by_time then 'first_email_text_only' end,
            case when open_tracking is distinct from lag(open_tracking) over by_time then 'open_tracking' end,
            case when link_tracking is distinct from lag(link_tracking) over by_time then 'link_tracking' end,
            case when stop_on_reply is distinct from lag(stop_on_reply) over by_time then 'stop_on_reply' end,
            case when stop_on_auto_reply is distinct from lag(stop_on_auto_reply) over by_time then 'stop_on_auto_reply' end,
            case when stop_for_company is distinct from lag(stop_for_company) over by_time then 'stop_for_company' end,
            case when prioritize_new_leads is distinct from lag(prioritize_new_leads) over by_time then 'prioritize_new_leads' end,
            case when match_lead_esp is distinct from lag(match_lead_esp) over by_time then 'match_lead_esp' end,
            case when insert_unsubscribe_header is distinct from lag(insert_unsubscribe_header) over by_time then 'insert_unsubscribe_header' end,
            case when allow_risky_contacts is distinct from lag(allow_risky_contacts) over by_time then 'allow_risky_contacts' end,
            case when disable_bounce_protect is distinct from lag(disable_bounce_protect) over by_time then 'disable_bounce_protect' end,
            case when pl_value is distinct from lag(pl_value) over by_time then 'pl_value' end,
            case when daily_limit is distinct from lag(daily_limit) over by_time then 'daily_limit' end,
            case when daily_max_leads is distinct from lag(daily_max_leads) over by_time then 'daily_max_leads' end,
            case when email_gap is distinct from lag(email_gap) over by_time then 'email_gap' end,
            case when random_wait_max is distinct from lag(random_wait_max) over by_time then 'random_wait_max' end
        ] if x is not null] as changed_columns
        -- noqa: enable=layout.long_lines
    from history.campaigns
    window by_time as (partition by workspace_id, _key order by _valid_from)
),

readings as (
    select
        workspace_id,
        run_id,
        started_at
    from meta.stream_runs
    where stream = 'campaigns' and outcome in ('ok', 'partial', 'held')
),

events as (
    select
        v.*,
        coalesce(v.id, v._key ->> '$[0]') as named,
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
        on v.workspace_id = e.workspace_id and v.named = e.named and e.kind = 'campaign'
    where
        e.happened_at > v.seen_before_at and e.happened_at <= v._valid_from at time zone 'UTC'
        and (
            (e.activity_type = 3 and v.event = 'deleted')
            or (e.activity_type = 4 and list_contains(v.changed_columns, 'status') and v.status = 1)
            or (e.activity_type = 5 and list_contains(v.changed_columns, 'status') and v.status = 2)
            or (
                e.activity_type = 11 and v.event = 'changed'
                and is_by_hand(v.changed_columns, ['status', 'not_sending_status'])
            )
        )
    group by v.workspace_id, v.named, v.version
),

named as (
    select
        v.workspace_id,
        w.workspace_name,
        v.named as campaign_id,
        coalesce(v.name, k.campaign_name) as campaign_name,
        v.version,
        v.event,
        case when v.event = 'changed' then array_to_string(v.changed_columns, ', ') end as changed,
        x.entry.user_name as changed_by,
        x.entry.user_id as changed_by_user_id,
        x.entry.api_key_name as changed_by_api_key,
        v._valid_to is null as is_current,
        v.status,
        campaign_status_label(v.status) as status_label,
        v.open_tracking,
        v.link_tracking,
        v.stop_on_reply,
        json_array_length(v.sequences, '$[0].steps')::bigint as steps,
        variants_of(v.sequences) as variants,
        json_array_length(v.email_list)::bigint as senders,
        v.daily_limit,
        v.daily_max_leads,
        v.sequences,
        x.entry.happened_at as change_made_at,
        v._valid_from at time zone 'UTC' as valid_from,
        v._valid_to at time zone 'UTC' as valid_to
    from events as v
    left join explained as x
        on v.workspace_id = x.workspace_id and v.named = x.named and v.version = x.version
    left join intermediate.int_campaign as k
        on v.workspace_id = k.workspace_id and v.named = k.campaign_id
    left join marts.dim_workspace as w on v.workspace_id = w.workspace_id
)

select * from named
order by workspace_name, campaign_name, workspace_id, campaign_id, version

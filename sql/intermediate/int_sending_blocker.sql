-- one row per campaign that is meant to send and reason why it does not, or not in full
-- Meant to send: listed, and active, running subsequences or stopped by the platform (a negative status). Drafts,
-- completed campaigns and those that a person paused are not.
with account_tags as (
    select
        workspace_id,
        bool_or(json_type(tags) = 'ARRAY') as has_tags
    from staging.stg_accounts
    where not is_deleted
    group by workspace_id
),

campaigns as (
    select
        c.workspace_id,
        c.id as campaign_id,
        c.status,
        c.status_label,
        c.not_sending_status,
        c.not_sending_status_label,
        schedule_day(c.campaign_schedule, '$.start_date') as start_date,
        schedule_day(c.campaign_schedule, '$.end_date') as end_date,
        m.uncontacted,
        m.last_sent_on,
        k.today,
        k.as_of,
        -- its senders are named by tags, and which mailbox carries which tag is known
        json_array_length(c.email_tag_list) > 0 and (r.has_tag_mappings or t.has_tags) as has_known_tags,
        -- days of its schedule without a send since its last one; today is not over
        case
            when r.has_days and coalesce(m.last_sent_on, c.timestamp_created::date) is not null then len([
                d for d in range(
                    coalesce(m.last_sent_on, c.timestamp_created::date)::timestamp + interval 1 day,
                    k.today::timestamp, interval 1 day
                )
                if list_contains(s.sending_days, dayofweek(d))
            ])
        end as missed_days
    from staging.stg_campaigns as c
    inner join intermediate.int_workspace_clock as k on c.workspace_id = k.workspace_id
    left join intermediate.int_campaign_metrics as m on c.workspace_id = m.workspace_id and c.id = m.campaign_id
    left join intermediate.int_campaign_schedule as s on c.workspace_id = s.workspace_id and c.id = s.sequence_id
    left join intermediate.int_workspace_streams as r on c.workspace_id = r.workspace_id
    left join account_tags as t on c.workspace_id = t.workspace_id
    where not c.is_deleted and is_meant_to_send(c.status)
),

campaign_versions as (
    select
        *,
        coalesce(id, _key ->> '$[0]') as campaign_id,
        row_number() over (partition by workspace_id, _key order by _valid_from) as version
    from history.campaigns
),

status_versions as (
    select
        *,
        row_number() over (partition by workspace_id, _key order by _valid_from) as version
    from history.campaign_sending_status
),

-- of each version, which of the reasons it shows
shown as (
    select
        v.workspace_id,
        v.campaign_id,
        v.version,
        v._valid_from,
        v._valid_to,
        unnest([
            struct_pack(reason := 'campaign status', holds := v.status < 0 and v.status = c.status),
            struct_pack(
                reason := 'not sending status',
                holds := v.not_sending_status <> 0 and v.not_sending_status = c.not_sending_status
            ),
            struct_pack(
                reason := 'no mailbox',
                holds := json_type(v.email_list) = 'ARRAY'
                and json_array_length(v.email_list) = 0
                and coalesce(json_array_length(v.email_tag_list), 0) = 0
            ),
            struct_pack(reason := 'daily limit is 0', holds := v.daily_limit = 0),
            struct_pack(
                reason := 'schedule not started',
                holds := schedule_day(v.campaign_schedule, '$.start_date') > c.today
            )
        ], recursive := true)
    from campaign_versions as v
    inner join campaigns as c on v.workspace_id = c.workspace_id and v.campaign_id = c.campaign_id
    union all
    select
        v.workspace_id,
        v.campaign_id,
        v.version,
        v._valid_from,
        v._valid_to,
        'sending status',
        v.status = s.status
    from status_versions as v
    inner join staging.stg_campaign_sending_status as s
        on v.workspace_id = s.workspace_id and v.campaign_id = s.campaign_id
),

compared as (
    select
        *,
        max(case when not coalesce(holds, false) then version end) over (
            partition by workspace_id, campaign_id, reason
        ) as last_without
    from shown
),

held as (
    select
        workspace_id,
        campaign_id,
        reason,
        min(_valid_from) at time zone 'UTC' as since,
        last_without is null as is_since_or_earlier
    from compared
    where version > coalesce(last_without, 0)
    group by workspace_id, campaign_id, reason, last_without
    having bool_or(_valid_to is null)
),

by_campaign as (
    select
        h.workspace_id,
        h.campaign_id,
        h.reason,
        case h.reason
            when 'campaign status' then c.status_label
            when 'not sending status' then 'not sending: ' || c.not_sending_status_label
            when 'schedule not started' then 'the schedule begins on ' || shown_day(c.start_date)
            when 'sending status' then 'sending status: ' || replace(t.status, '_', ' ')
            else h.reason
        end as detail,
        coalesce(h.reason like '%sending status' and c.last_sent_on >= h.since::date, false) as has_sent_since,
        if(h.reason = 'sending status' and c.missed_days = 0, 'part', 'everything') as blocks,
        -- limits, hours and a wait for leads pass by themselves, unless the last day of the schedule had no send either
        h.reason = 'schedule not started'
        or (
            coalesce(c.missed_days, 0) = 0
            and (
                (h.reason = 'not sending status' and c.not_sending_status in (1, 2, 3, 4))
                or (
                    h.reason = 'sending status'
                    and t.status in ('out_of_schedule', 'waiting_for_leads', 'daily_limit_met')
                )
            )
        ) as is_passing,
        -- a code may be the same at every reading, e.g. at night, while the campaign sent in between
        if(has_sent_since, least((c.last_sent_on + 1)::timestamp, c.as_of), h.since) as since,
        h.is_since_or_earlier and not has_sent_since as is_since_or_earlier
    from held as h
    inner join campaigns as c on h.workspace_id = c.workspace_id and h.campaign_id = c.campaign_id
    left join staging.stg_campaign_sending_status as t
        on h.workspace_id = t.workspace_id and h.campaign_id = t.campaign_id
    where
        h.reason <> 'sending status'
        -- what the campaign itself says is not said twice
        or not (
            t.status in ('healthy', '')
            or t.status = 'campaign_' || replace(c.status_label, ' ', '_')
            or coalesce(
                (t.status, c.not_sending_status)
                in (('out_of_schedule', 1), ('waiting_for_leads', 2), ('daily_limit_met', 3)), false
            )
        )
),

by_state as (
    select
        workspace_id,
        campaign_id,
        state,
        count(*) as blocked,
        array_to_string(list_sort(list(distinct error)), ', ') as errors,
        min(since) as first_since,
        max(since) as last_since,
        bool_or(is_since_or_earlier) as is_since_or_earlier
    from intermediate.int_campaign_mailbox
    group by workspace_id, campaign_id, state
),

mailboxes as (
    select
        *,
        (sum(blocked) over each_campaign)::bigint as mailboxes,
        not bool_or(state = 'ready') over each_campaign as are_all
    from by_state
    window each_campaign as (partition by workspace_id, campaign_id)
),

by_mailbox as (
    select
        workspace_id,
        campaign_id,
        'mailboxes ' || state as reason,
        blocked || ' of ' || mailboxes || if(mailboxes = 1, ' mailbox ', ' mailboxes ') || state
        || coalesce(' (' || nullif(errors, '') || ')', '') as detail,
        if(are_all, 'everything', 'part') as blocks,
        false as is_passing,
        -- some of them are blocked since the first one was, all of them since the last one was
        if(are_all, last_since, first_since) as since,
        is_since_or_earlier,
        blocked as mailboxes_blocked,
        mailboxes
    from mailboxes
    where state <> 'ready'
),

last_new_leads as (
    select
        workspace_id,
        campaign_id,
        max(date) as date
    from intermediate.int_campaign_day
    where new_leads_contacted > 0
    group by workspace_id, campaign_id
),

by_date as (
    select
        c.workspace_id,
        c.campaign_id,
        'no leads left' as reason,
        'no leads left to contact' as detail,
        'new leads' as blocks,
        false as is_passing,
        (n.date + 1)::timestamp as since,
        false as is_since_or_earlier
    from campaigns as c
    left join last_new_leads as n on c.workspace_id = n.workspace_id and c.campaign_id = n.campaign_id
    where c.status = 1 and c.uncontacted = 0
    union all
    select
        workspace_id,
        campaign_id,
        'schedule ended',
        'the schedule ended on ' || shown_day(end_date),
        'everything',
        false,
        (end_date + 1)::timestamp,
        false
    from campaigns
    where end_date < today
    union all
    select
        workspace_id,
        campaign_id,
        'no mailbox',
        'no mailbox carries its sender tags',
        'everything',
        false,
        null,
        true
    from campaigns as c
    anti join intermediate.int_campaign_sender as s
        on c.workspace_id = s.workspace_id and c.campaign_id = s.campaign_id
    where c.has_known_tags
),

every as (
    select * exclude (has_sent_since) from by_campaign
    union all by name
    select * from by_mailbox
    union all by name
    select * from by_date
),

-- the first of several reasons: what stops everything, the platform's own word before what it follows from
ranked as (
    select
        *,
        row_number() over (
            partition by workspace_id, campaign_id
            order by
                is_passing,
                list_position(['everything', 'part', 'new leads'], blocks),
                list_position(
                    ['campaign status', 'no mailbox', 'schedule ended', 'daily limit is 0'], reason
                ) nulls last,
                reason like 'mailboxes%' desc,
                reason
        ) = 1 as is_main
    from every
)

select * from ranked

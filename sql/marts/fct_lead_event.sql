-- one row per lead and event that e-mails or webhook events report, or that only the versions of the lead show
-- What the versions show is left out where it is reported as well: a time of the API with a report of that moment, and
-- of what has no time of its own (earlier opens, a bounce) as many as were reported by then.
with reported as (
    select r.* from intermediate.int_reported_event as r
    semi join staging.stg_leads as l on r.workspace_id = l.workspace_id and r.lead_id = l.id
),

by_lead as (
    select
        workspace_id,
        lead_id,
        list(struct_pack(
            event := event,
            occurred_at := occurred_at,
            reported_at := reported_at,
            lt_interest_status := lt_interest_status
        )) as reports
    from reported
    group by workspace_id, lead_id
),

history as (
    select
        h.*,
        h.time_source = 'api' as has_time,
        least(coalesce(h.times, 1), has_time::bigint) as timed,
        greatest(coalesce(h.times, 1) - has_time::bigint, 0) as untimed,
        r.reports
    from intermediate.int_lead_history_event as h
    left join by_lead as r on h.workspace_id = r.workspace_id and h.lead_id = r.lead_id
),

-- The last contact may be an answer, the last reply an automatic one.
alike as (
    select
        * exclude (reports),
        [
            r for r in reports
            if r.lt_interest_status is not distinct from lt_interest_status
            and (r.event = event or (r.event, event) in (('auto replied', 'replied'), ('answered', 'contacted')))
        ] as reports
    from history
    where reports is not null
),

matched as (
    select
        * exclude (reports),
        [
            r.event for r in reports
            if has_time
            and (same_moment(r.occurred_at, occurred_at) or same_moment(r.reported_at, occurred_at))
        ] as reported_then,
        if(time_source = 'last contact', seen_at, occurred_at) as until,
        len([
            r.event for r in reports
            if r.event = event and (r.occurred_at <= until or same_moment(r.occurred_at, until))
        ]) as reported_until
    from alike
),

-- of those without a time, how many more there were until then than were reported
compared as (
    select
        *,
        len(reported_then) > 0 as is_reported,
        sum(untimed + list_contains(reported_then, event)::bigint) over so_far - reported_until as missing
    from matched
    window so_far as (
        partition by workspace_id, lead_id, event, lt_interest_status
        order by occurred_at, seen_at rows between unbounded preceding and current row
    )
),

counted as (
    select
        *,
        greatest(missing - greatest(coalesce(max(missing) over before, 0), 0), 0)::bigint as untimed_left
    from compared
    window before as (
        partition by workspace_id, lead_id, event, lt_interest_status
        order by occurred_at, seen_at rows between unbounded preceding and 1 preceding
    )
),

left_over as (
    select
        * replace (
            if(is_reported, 'before', time_source) as time_source,
            case when times is not null then untimed_left + if(is_reported, 0, timed) end as times
        )
    from counted
    where untimed_left > 0 or (has_time and not is_reported)
),

interests as (
    select
        workspace_id,
        report_id,
        lag(lt_interest_status) over (
            partition by workspace_id, lead_id order by occurred_at, report_id
        ) as lt_interest_status_before
    from reported
    where event = 'interest changed'
),

every as (
    select
        r.workspace_id,
        r.lead_id,
        r.event,
        r.occurred_at,
        r.time_source,
        r.source,
        r.email_id,
        r.campaign_id,
        r.email,
        r.step,
        r.variant,
        r.mailbox as last_contacted_from,
        case when r.event in ('opened', 'clicked', 'replied', 'auto replied') then 1::bigint end as times,
        r.lt_interest_status,
        i.lt_interest_status_before,
        r.first_seen_at as seen_at
    from reported as r
    left join interests as i on r.workspace_id = i.workspace_id and r.report_id = i.report_id
    union all by name
    select
        * exclude (
            has_time, timed, untimed, untimed_left, reported_then, until, reported_until, is_reported, missing
        ),
        'lead history' as source
    from left_over
    union all by name
    select
        * exclude (has_time, timed, untimed, reports),
        'lead history' as source
    from history
    where reports is null
),

joined as (
    select
        e.workspace_id,
        w.workspace_name,
        e.lead_id,
        e.event,
        e.occurred_at,
        e.time_source,
        e.time_source in ('api', 'mail', 'event') as is_exact,
        e.source,
        e.email_id,
        e.campaign_id,
        c.campaign_name,
        e.email,
        e.step,
        e.variant,
        try_cast(e.step as bigint) + 1 as step_number,
        variant_letter(e.variant) as variant_letter,
        e.last_contacted_from,
        e.times,
        e.lt_interest_status,
        interest_status_label(e.lt_interest_status, o.label) as interest_label,
        interest_kind(e.lt_interest_status, o.kind) as interest_kind,
        e.lt_interest_status_before,
        interest_status_label(e.lt_interest_status_before, b.label) as interest_label_before,
        e.seen_at as first_seen_at
    from every as e
    left join marts.dim_workspace as w on e.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on e.workspace_id = c.workspace_id and e.campaign_id = c.campaign_id
    left join intermediate.int_interest_label as o
        on e.workspace_id = o.workspace_id and e.lt_interest_status = o.interest_status
    left join intermediate.int_interest_label as b
        on e.workspace_id = b.workspace_id and e.lt_interest_status_before = b.interest_status
)

select * from joined

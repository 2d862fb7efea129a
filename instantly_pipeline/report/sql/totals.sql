-- One row per workspace: the last seven closed days and the seven before, with the targets of the last seven.
-- Days without a row are zero; if a figure of one day is unknown, the figure of the week is, too. What leads became
-- before they were first read is not known.
with days as (
    select
        d.*,
        coalesce(
            greatest(max(d.date) filter (where not d.is_partial) over (partition by d.workspace_id), w.as_of::date - 2),
            max(d.date) over (partition by d.workspace_id) - 2
        ) as last_closed
    from marts.rpt_workspace_daily as d
    inner join marts.dim_workspace as w on d.workspace_id = w.workspace_id
),

weeks as (
    select
        *,
        last_closed - date between 0 and 6 and not is_partial as is_last,
        last_closed - date between 7 and 13 as is_before
    from days
),

sums as (
    select
        workspace_id,
        any_value(last_closed) as last_closed,
        min(date) as first_day,
        case
            when count(sent) filter (where is_last) = count(*) filter (where is_last)
                then coalesce(sum(sent) filter (where is_last), 0)
        end::bigint as sent,
        case
            when count(sent) filter (where is_before) = count(*) filter (where is_before)
                then sum(sent) filter (where is_before)
        end::bigint as sent_before,
        sum(sent_target) filter (where is_last) as sent_target,
        case
            when count(new_leads_contacted) filter (where is_last) = count(*) filter (where is_last)
                then coalesce(sum(new_leads_contacted) filter (where is_last), 0)
        end::bigint as new_leads,
        case
            when count(new_leads_contacted) filter (where is_before) = count(*) filter (where is_before)
                then sum(new_leads_contacted) filter (where is_before)
        end::bigint as new_leads_before,
        case
            when count(replies) filter (where is_last) = count(*) filter (where is_last)
                then coalesce(sum(replies) filter (where is_last), 0)
        end::bigint as replies,
        case
            when count(replies) filter (where is_before) = count(*) filter (where is_before)
                then sum(replies) filter (where is_before)
        end::bigint as replies_before,
        sum(replies_target) filter (where is_last) as replies_target,
        case
            when count(opportunities) filter (where is_last) = count(*) filter (where is_last)
                then coalesce(sum(opportunities) filter (where is_last), 0)
        end::bigint as opportunities,
        case
            when count(opportunities) filter (where is_before) = count(*) filter (where is_before)
                then sum(opportunities) filter (where is_before)
        end::bigint as opportunities_before,
        sum(opportunities_target) filter (where is_last) as opportunities_target,
        case
            when not bool_or(is_before_first_read or new_positive_leads is null) filter (where is_last)
                then sum(new_positive_leads) filter (where is_last)
        end::bigint as positives,
        case
            when not bool_or(is_before_first_read or new_positive_leads is null) filter (where is_before)
                then sum(new_positive_leads) filter (where is_before)
        end::bigint as positives_before,
        case
            when not bool_or(is_before_first_read or new_meeting_leads is null) filter (where is_last)
                then sum(new_meeting_leads) filter (where is_last)
        end::bigint as meetings,
        case
            when not bool_or(is_before_first_read or new_meeting_leads is null) filter (where is_before)
                then sum(new_meeting_leads) filter (where is_before)
        end::bigint as meetings_before,
        sum(bounced) filter (where is_last and sent_by_accounts is not null)::bigint as bounced,
        sum(sent_by_accounts) filter (where is_last and bounced is not null)::bigint as sent_by_accounts
    from weeks
    group by workspace_id
),

bounces as (
    select
        warning,
        critical
    from seeds.thresholds
    where entity = 'campaign' and metric = 'bounce_rate'
)

select
    s.*,
    traffic_light(s.bounced, s.sent_by_accounts, 'high', b.warning, b.critical) as bounce_health
from sums as s
left join bounces as b on true

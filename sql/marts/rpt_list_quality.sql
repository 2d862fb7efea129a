-- one row per lead list, deleted ones and those known only from leads included
-- Contents are counted over current leads; outcomes also over leads deleted since. Results of the verification are those
-- of the leads; where none of a list's leads shows one, those of Instantly's statistics of the list.
with lists as (
    select
        coalesce(s.workspace_id, n.workspace_id) as workspace_id,
        coalesce(s.id, n.list_id) as list_id,
        coalesce(s.name, s.id, n.list_id) as list_name,
        s.id is not null and not s.is_deleted as is_listed,
        s.timestamp_created,
        case
            when n.checked_leads > 0 then 'leads'
            when q.list_id is not null then 'list'
            when h.has_leads then 'leads'
        end as verification_source,
        q.total_leads,
        q.job_change,
        q.pending as verification_pending,
        case when h.has_leads then coalesce(n.leads, 0) end as leads,
        case when h.has_leads then coalesce(n.deleted_leads, 0) end as deleted_leads,
        case when h.has_leads then coalesce(n.without_email, 0) end as without_email,
        case
            when verification_source = 'leads' then coalesce(n.checked_leads, 0)
            when verification_source = 'list' then q.checked_leads
        end as checked_leads,
        case
            when verification_source = 'leads' then coalesce(n.verified, 0)
            when verification_source = 'list' then q.verified
        end as verified,
        case
            when verification_source = 'leads' then coalesce(n.catch_all, 0)
            when verification_source = 'list' then q.catch_all
        end as catch_all,
        case
            when verification_source = 'leads' then coalesce(n.risky, 0)
            when verification_source = 'list' then q.risky
        end as risky,
        case
            when verification_source = 'leads' then coalesce(n.invalid, 0)
            when verification_source = 'list' then q.invalid
        end as invalid,
        case when h.has_leads then coalesce(n.duplicates, 0) end as duplicates,
        case when h.has_leads then coalesce(n.elsewhere, 0) end as elsewhere,
        case when h.has_leads and h.has_block_list then coalesce(n.blocked, 0) end as blocked,
        case when h.has_leads then coalesce(n.missing_names, 0) end as missing_names,
        case when h.has_leads then if(coalesce(n.leads, 0) = 0, 0, nullif(n.contacts, 0)) end as contacts,
        case when h.has_leads then coalesce(n.contacted_leads, 0) end as contacted_leads,
        case when h.has_leads then coalesce(n.replied_leads, 0) end as replied_leads,
        case when h.has_leads then coalesce(n.became_positive_leads, 0) end as became_positive_leads,
        case when h.has_leads then coalesce(n.bounced_leads, 0) end as bounced_leads,
        coalesce(n.verified_at, s.verified_at) as verified_at
    from staging.stg_lead_lists as s
    full join intermediate.int_list_leads as n on s.workspace_id = n.workspace_id and s.id = n.list_id
    left join intermediate.int_list_verification as q on s.workspace_id = q.workspace_id and s.id = q.list_id
    left join intermediate.int_workspace_streams as h on coalesce(s.workspace_id, n.workspace_id) = h.workspace_id
),

rates as (
    select
        *,
        rate_of(verified, checked_leads) as verified_rate,
        wilson_low(verified, checked_leads) as verified_rate_low,
        wilson_high(verified, checked_leads) as verified_rate_high,
        rate_of(invalid, checked_leads) as invalid_rate,
        wilson_low(invalid, checked_leads) as invalid_rate_low,
        wilson_high(invalid, checked_leads) as invalid_rate_high,
        rate_of(catch_all + risky, checked_leads) as risky_rate,
        wilson_low(catch_all + risky, checked_leads) as risky_rate_low,
        wilson_high(catch_all + risky, checked_leads) as risky_rate_high,
        rate_of(duplicates, leads) as duplicate_rate,
        wilson_low(duplicates, leads) as duplicate_rate_low,
        wilson_high(duplicates, leads) as duplicate_rate_high,
        rate_of(blocked, leads) as blocked_rate,
        wilson_low(blocked, leads) as blocked_rate_low,
        wilson_high(blocked, leads) as blocked_rate_high,
        rate_of(missing_names, leads) as missing_name_rate,
        wilson_low(missing_names, leads) as missing_name_rate_low,
        wilson_high(missing_names, leads) as missing_name_rate_high,
        rate_of(replied_leads, contacted_leads) as lead_reply_rate,
        wilson_low(replied_leads, contacted_leads) as lead_reply_rate_low,
        wilson_high(replied_leads, contacted_leads) as lead_reply_rate_high,
        rate_of(became_positive_leads, contacted_leads) as lead_positive_rate,
        wilson_low(became_positive_leads, contacted_leads) as lead_positive_rate_low,
        wilson_high(became_positive_leads, contacted_leads) as lead_positive_rate_high,
        rate_of(bounced_leads, contacted_leads) as lead_bounce_rate,
        wilson_low(bounced_leads, contacted_leads) as lead_bounce_rate_low,
        wilson_high(bounced_leads, contacted_leads) as lead_bounce_rate_high
    from lists
),

judged as (
    select
        r.workspace_id,
        r.list_id,
        t.title,
        v.x,
        v.n,
        traffic_light(v.x, v.n, t.bad_when, t.warning, t.critical) as light
    from rates as r
    cross join seeds.thresholds as t
    inner join lateral (
        select
            case t.metric
                when 'invalid_rate' then r.invalid
                when 'risky_rate' then r.catch_all + r.risky
                when 'duplicate_rate' then r.duplicates
                when 'blocked_rate' then r.blocked
                when 'missing_name_rate' then r.missing_names
                when 'lead_bounce_rate' then r.bounced_leads
            end as x,
            case
                when t.metric in ('invalid_rate', 'risky_rate') then r.checked_leads
                when t.metric = 'lead_bounce_rate' then r.contacted_leads
                else r.leads
            end as n
    ) as v on true
    where t.entity = 'list'
),

graded as (
    select
        workspace_id,
        list_id,
        case
            when count(*) filter (where light != 'grey') = 0 then null
            when count(*) filter (where light = 'red') > 1 then 'E'
            when count(*) filter (where light = 'red') = 1 then 'D'
            when count(*) filter (where light = 'amber') > 1 then 'C'
            when count(*) filter (where light = 'amber') = 1 then 'B'
            else 'A'
        end as grade,
        light_reasons(named_share(title, x, n), light) as reason
    from judged
    group by workspace_id, list_id
),

joined as (
    select
        r.workspace_id,
        w.workspace_name,
        r.list_id,
        r.list_name,
        g.grade,
        coalesce(
            g.reason,
            case
                when r.leads is null and r.checked_leads is null then 'leads were not read'
                when g.grade is null then 'too few leads to judge'
                else 'all metrics in range'
            end
        ) as grade_reason,
        r.is_listed,
        r.leads,
        r.contacts,
        r.deleted_leads,
        r.without_email,
        r.verification_source,
        r.checked_leads,
        r.verified,
        r.catch_all,
        r.risky,
        r.invalid,
        r.total_leads,
        r.job_change,
        r.verification_pending,
        r.duplicates,
        r.elsewhere,
        r.blocked,
        r.missing_names,
        r.contacted_leads,
        r.replied_leads,
        r.became_positive_leads,
        r.bounced_leads,
        r.verified_rate,
        r.verified_rate_low,
        r.verified_rate_high,
        r.invalid_rate,
        r.invalid_rate_low,
        r.invalid_rate_high,
        r.risky_rate,
        r.risky_rate_low,
        r.risky_rate_high,
        r.duplicate_rate,
        r.duplicate_rate_low,
        r.duplicate_rate_high,
        r.blocked_rate,
        r.blocked_rate_low,
        r.blocked_rate_high,
        r.missing_name_rate,
        r.missing_name_rate_low,
        r.missing_name_rate_high,
        r.lead_reply_rate,
        r.lead_reply_rate_low,
        r.lead_reply_rate_high,
        r.lead_positive_rate,
        r.lead_positive_rate_low,
        r.lead_positive_rate_high,
        r.lead_bounce_rate,
        r.lead_bounce_rate_low,
        r.lead_bounce_rate_high,
        r.timestamp_created,
        r.verified_at,
        r.contacted_leads as leads_reached,
        r.replied_leads as repliers,
        r.bounced_leads as bounced,
        r.lead_reply_rate as reply_rate,
        r.lead_reply_rate_low as reply_rate_low,
        r.lead_reply_rate_high as reply_rate_high
    from rates as r
    left join graded as g on r.workspace_id = g.workspace_id and r.list_id = g.list_id
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, grade desc nulls last, list_name, workspace_id, list_id

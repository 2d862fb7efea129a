-- one row per source of leads (list, upload method, value of a chosen custom variable): what became of them
-- Each lead is in one row of each kind of source. Deleted leads count: what they brought was brought.
-- Counting by contact first is twice as fast as counting different contacts of a million leads.
with by_contact as (
    select
        workspace_id,
        source,
        variable,
        source_value,
        contact,
        count(lead_id) as leads,
        count(*) filter (where is_deleted) as deleted_leads,
        count(*) filter (where is_contacted) as contacted_leads,
        count(*) filter (where is_contacted and has_replied) as replied_leads,
        count(*) filter (where is_contacted and ever_positive) as became_positive_leads,
        count(*) filter (where is_contacted and had_meeting) as meeting_leads,
        count(*) filter (where is_contacted and lt_interest_status = 4) as won_leads,
        count(*) filter (where is_contacted and is_bounced) as bounced_leads,
        sum(value_of_lead) filter (where is_contacted and ever_positive) as positive_value,
        count(emails) filter (where is_contacted) as leads_with_emails,
        sum(emails) filter (where is_contacted) as emails
    from intermediate.int_lead_source
    group by workspace_id, source, variable, source_value, contact
),

counted as (
    select
        workspace_id,
        source,
        variable,
        source_value,
        sum(leads)::bigint as leads,
        sum(deleted_leads)::bigint as deleted_leads,
        count(contact) as contacts,
        sum(contacted_leads)::bigint as contacted_leads,
        count(contact) filter (where contacted_leads > 0) as contacts_reached,
        sum(replied_leads)::bigint as replied_leads,
        sum(became_positive_leads)::bigint as became_positive_leads,
        sum(meeting_leads)::bigint as meeting_leads,
        sum(won_leads)::bigint as won_leads,
        sum(bounced_leads)::bigint as bounced_leads,
        sum(positive_value) as positive_value,
        case when sum(leads_with_emails) = sum(contacted_leads) then coalesce(sum(emails), 0)::bigint end as emails
    from by_contact
    group by workspace_id, source, variable, source_value
),

-- unknown, not zero, where leads do not show who was contacted
known as (
    select
        n.* exclude (
            contacted_leads,
            contacts_reached,
            replied_leads,
            became_positive_leads,
            meeting_leads,
            won_leads,
            bounced_leads,
            positive_value,
            emails
        ),
        case when coalesce(k.has_contact_times, true) then n.contacted_leads end as contacted_leads,
        case when coalesce(k.has_contact_times, true) then n.contacts_reached end as contacts_reached,
        case when coalesce(k.has_contact_times, true) then n.replied_leads end as replied_leads,
        case when coalesce(k.has_contact_times, true) then n.became_positive_leads end as became_positive_leads,
        case when coalesce(k.has_contact_times, true) then n.meeting_leads end as meeting_leads,
        case when coalesce(k.has_contact_times, true) then n.won_leads end as won_leads,
        case when coalesce(k.has_contact_times, true) then n.bounced_leads end as bounced_leads,
        case when coalesce(k.has_contact_times, true) then n.positive_value end as positive_value,
        case when coalesce(k.has_contact_times, true) then n.emails end as emails
    from counted as n
    left join intermediate.int_workspace_contacts as k on n.workspace_id = k.workspace_id
),

priced as (
    select
        n.*,
        case
            when c.per_lead is not null and c.per_email is null then round(n.contacted_leads * c.per_lead, 4)
            when c.per_email is not null
                then round(n.contacted_leads * coalesce(c.per_lead, 0) + n.emails * c.per_email, 4)
        end as cost
    from known as n
    left join intermediate.int_workspace_cost as c on n.workspace_id = c.workspace_id
),

joined as (
    select
        p.workspace_id,
        w.workspace_name,
        p.source,
        p.variable,
        p.source_value,
        case when p.source = 'list' then coalesce(s.name, p.source_value) else p.source_value end as source_name,
        p.leads,
        p.deleted_leads,
        nullif(p.contacts, 0) as contacts,
        p.contacted_leads,
        case when p.contacts > 0 then p.contacts_reached end as contacts_reached,
        p.replied_leads,
        p.became_positive_leads,
        p.meeting_leads,
        p.won_leads,
        p.bounced_leads,
        p.positive_value,
        p.emails,
        p.cost,
        rate_of(p.cost, p.became_positive_leads) as cost_per_positive,
        rate_of(p.cost, p.meeting_leads) as cost_per_meeting,
        rate_of(p.replied_leads, p.contacted_leads) as lead_reply_rate,
        wilson_low(p.replied_leads, p.contacted_leads) as lead_reply_rate_low,
        wilson_high(p.replied_leads, p.contacted_leads) as lead_reply_rate_high,
        rate_of(p.became_positive_leads, p.contacted_leads) as lead_positive_rate,
        wilson_low(p.became_positive_leads, p.contacted_leads) as lead_positive_rate_low,
        wilson_high(p.became_positive_leads, p.contacted_leads) as lead_positive_rate_high,
        rate_of(p.meeting_leads, p.contacted_leads) as lead_meeting_rate,
        wilson_low(p.meeting_leads, p.contacted_leads) as lead_meeting_rate_low,
        wilson_high(p.meeting_leads, p.contacted_leads) as lead_meeting_rate_high,
        rate_of(p.won_leads, p.contacted_leads) as lead_won_rate,
        wilson_low(p.won_leads, p.contacted_leads) as lead_won_rate_low,
        wilson_high(p.won_leads, p.contacted_leads) as lead_won_rate_high,
        rate_of(p.bounced_leads, p.contacted_leads) as lead_bounce_rate,
        wilson_low(p.bounced_leads, p.contacted_leads) as lead_bounce_rate_low,
        wilson_high(p.bounced_leads, p.contacted_leads) as lead_bounce_rate_high
    from priced as p
    left join marts.dim_workspace as w on p.workspace_id = w.workspace_id
    left join staging.stg_lead_lists as s
        on p.workspace_id = s.workspace_id and p.source = 'list' and p.source_value = s.id
)

select * from joined
order by workspace_name, workspace_id, source, variable, contacted_leads desc, source_value

-- one row per source of leads (list, upload method, value of a chosen custom variable): what became of them
-- Each lead is in one row of each kind of source. Deleted leads count: what they brought was brought.
with leads as (
    select
        l.workspace_id,
        l.lead_id,
        contact_of(l.email) as contact,
        l.is_deleted,
        l.timestamp_last_contact is not null as is_contacted,
        l.email_reply_count > 0 as has_replied,
        l.status,
        l.lt_interest_status,
        l.ever_positive,
        coalesce(try_cast(l.pl_value_lead as double), c.pl_value, w.default_opportunity_value) as value_of_lead,
        -- the API counts steps from 0, and a lead at step n got the n before it
        try_cast(split_part(l.last_step_id, '_', 2) as bigint) + 1 as emails
    from marts.dim_lead as l
    left join marts.dim_campaign as c on l.workspace_id = c.workspace_id and l.campaign_id = c.campaign_id
    left join marts.dim_workspace as w on l.workspace_id = w.workspace_id
),

counted as (
    select
        s.workspace_id,
        s.source,
        s.variable,
        s.source_value,
        count(l.lead_id) as leads,
        count(*) filter (where l.is_deleted) as deleted_leads,
        count(distinct l.contact) as contacts,
        count(*) filter (where l.is_contacted) as contacted_leads,
        count(distinct l.contact) filter (where l.is_contacted) as contacts_reached,
        count(*) filter (where l.is_contacted and l.has_replied) as replied_leads,
        count(*) filter (where l.is_contacted and l.ever_positive) as became_positive_leads,
        count(*) filter (where l.is_contacted and l.lt_interest_status in (2, 3, 4)) as meeting_leads,
        count(*) filter (where l.is_contacted and l.lt_interest_status = 4) as won_leads,
        count(*) filter (where l.is_contacted and l.status = -1) as bounced_leads,
        sum(l.value_of_lead) filter (where l.is_contacted and l.ever_positive) as positive_value,
        case
            when count(*) filter (where l.is_contacted) = count(l.emails) filter (where l.is_contacted)
                then coalesce(sum(l.emails) filter (where l.is_contacted), 0)
        end as emails
    from intermediate.int_lead_source as s
    inner join leads as l on s.workspace_id = l.workspace_id and s.lead_id = l.lead_id
    group by s.workspace_id, s.source, s.variable, s.source_value
),

costs as (
    select
        workspace_id,
        max(value) filter (where name = 'lead') as per_lead,
        max(value) filter (where name = 'email') as per_email
    from intermediate.int_workspace_setting
    where kind = 'cost'
    group by workspace_id
),

priced as (
    select
        n.*,
        case
            when c.per_lead is not null and c.per_email is null then round(n.contacted_leads * c.per_lead, 4)
            when c.per_email is not null
                then round(n.contacted_leads * coalesce(c.per_lead, 0) + n.emails * c.per_email, 4)
        end as cost
    from counted as n
    left join costs as c on n.workspace_id = c.workspace_id
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
        p.emails::bigint as emails,
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

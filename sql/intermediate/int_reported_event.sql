-- one row per event of a contact that an e-mail or a webhook event reports
-- What both report is the e-mail's row. Of an event without a lead's id, the lead is one of the contact's that existed
-- then: in the same campaign, of several the one that shows the moment itself, else the newest.
with emails as (
    select
        workspace_id,
        id as report_id,
        'emails' as source,
        id as email_id,
        lead_id as given_lead_id,
        contact_of(lead) as email,
        campaign_id,
        lower(eaccount) as mailbox,
        case
            when ue_type = 1 then 'contacted'
            when ue_type = 3 then 'answered'
            when is_auto_reply then 'auto replied'
            else 'replied'
        end as event,
        if(ue_type = 2, 'received', 'sent') as direction,
        -- an e-mail of a subsequence is no step of the campaign
        if(subsequence_id is null, nullif(split_part(step, '_', 2), ''), null) as step,
        if(subsequence_id is null, nullif(split_part(step, '_', 3), ''), null) as variant,
        null::bigint as lt_interest_status,
        i_status as email_interest_status,
        ai_interest_value,
        -- a mail server gives up after 4 to 5 days (RFC 5321, 4.5.4.1), so a date before that is a wrong clock's
        timestamp_email between timestamp_created - interval 5 days and timestamp_created + interval 1 hour as has_date,
        if(has_date, least(timestamp_email, timestamp_created), timestamp_created) as occurred_at,
        if(has_date, 'mail', 'stored') as time_source,
        timestamp_created as reported_at,
        first_seen_at
    from staging.stg_emails
    where ue_type in (1, 2, 3)
),

events as (
    select
        e.workspace_id,
        e.event_id as report_id,
        'webhook_events' as source,
        e.email_id,
        e.lead_id as given_lead_id,
        contact_of(e.lead_email) as email,
        e.campaign_id,
        lower(e.email_account) as mailbox,
        case e.event_type
            when 'email_sent' then 'contacted'
            when 'email_opened' then 'opened'
            when 'link_clicked' then 'clicked'
            when 'email_link_clicked' then 'clicked'
            when 'reply_received' then 'replied'
            when 'auto_reply_received' then 'auto replied'
            when 'email_bounced' then 'bounced'
            when 'lead_unsubscribed' then 'unsubscribed'
            when 'lead_neutral' then 'interest changed'
            else if(coalesce(event_interest(e.event_type), o.interest_status) is not null, 'interest changed', null)
        end as event,
        case
            when e.event_type in ('reply_received', 'auto_reply_received') then 'received'
            when e.event_type = 'email_sent' then 'sent'
        end as direction,
        (e.step - 1)::varchar as step,
        (e.variant - 1)::varchar as variant,
        coalesce(event_interest(e.event_type), o.interest_status) as lt_interest_status,
        coalesce(e.timestamp, e.received_at) as occurred_at,
        if(e.timestamp is null, 'stored', 'event') as time_source,
        occurred_at as reported_at,
        e.first_seen_at
    from staging.stg_webhook_events as e
    left join intermediate.int_interest_label as o on e.workspace_id = o.workspace_id and e.event_type = o.label
),

only_events as (
    select e.*
    from events as e
    left join emails as m on e.workspace_id = m.workspace_id and e.email_id = m.email_id
    where e.event is not null and e.occurred_at is not null and m.email_id is null
),

-- an event without the e-mail's id
not_in_emails as (
    select e.* from only_events as e
    anti join emails as m
        on
            e.workspace_id = m.workspace_id
            and e.email = m.email
            and e.direction = m.direction
            and e.campaign_id is not distinct from m.campaign_id
            and (same_moment(e.occurred_at, m.occurred_at) or same_moment(e.occurred_at, m.reported_at))
),

reports as (
    select * from emails
    union all by name
    select * from not_in_emails
),

contacts as (
    select distinct
        workspace_id,
        email
    from reports
    where given_lead_id is null
),

leads as (
    select
        l.workspace_id,
        contact_of(l.email) as contact,
        l.lead_id,
        l.campaign_id,
        l.timestamp_created,
        [
            l.timestamp_last_contact,
            l.timestamp_last_open,
            l.timestamp_last_click,
            l.timestamp_last_reply,
            l.timestamp_last_interest_change
        ] as moments
    from marts.dim_lead as l
    inner join contacts as c on l.workspace_id = c.workspace_id and contact_of(l.email) = c.email
),

of_contacts as (
    select
        r.workspace_id,
        r.report_id,
        l.lead_id
    from reports as r
    inner join leads as l on r.workspace_id = l.workspace_id and r.email = l.contact
    where r.given_lead_id is null and coalesce(l.timestamp_created <= r.occurred_at, true)
    qualify row_number() over (
        partition by r.workspace_id, r.report_id
        order by
            r.campaign_id is not distinct from l.campaign_id desc,
            len([m for m in l.moments if same_moment(m, r.occurred_at)]) desc,
            l.timestamp_created desc,
            l.lead_id
    ) = 1
),

found as (
    select
        r.* exclude (given_lead_id, direction, has_date),
        coalesce(r.given_lead_id, c.lead_id) as lead_id
    from reports as r
    left join of_contacts as c on r.workspace_id = c.workspace_id and r.report_id = c.report_id
),

-- several texts about the same event
once as (
    select * from found
    where source = 'emails'
    union all
    select * from found
    where source <> 'emails'
    qualify row_number() over (
        partition by
            workspace_id, coalesce(lead_id, email, report_id), event, occurred_at, lt_interest_status, email_id
        order by report_id
    ) = 1
)

select * from once

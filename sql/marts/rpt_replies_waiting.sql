-- one row per lead that replied, has no interest set and got no answer by hand since
-- Without e-mails nothing shows answers: then every such lead is here until somebody sets its interest.
with events as (
    select
        workspace_id,
        lead_id,
        event,
        occurred_at,
        last_contacted_from,
        campaign_id,
        times,
        max(occurred_at) filter (where event = 'answered') over (partition by workspace_id, lead_id) as answered_at
    from marts.fct_lead_event
    where event in ('replied', 'answered')
),

waiting as (
    select
        workspace_id,
        lead_id,
        min(occurred_at) as replied_at,
        max(occurred_at) as last_replied_at,
        sum(greatest(times, 1))::bigint as replies,
        any_value(answered_at) as answered_before_at,
        arg_max(lower(last_contacted_from), occurred_at) as mailbox,
        arg_max(campaign_id, occurred_at) as campaign_id
    from events
    where event = 'replied' and coalesce(occurred_at > answered_at, true)
    group by workspace_id, lead_id
),

joined as (
    select
        r.workspace_id,
        w.workspace_name,
        r.lead_id,
        contact_of(l.email) as email,
        coalesce(r.mailbox, lower(l.last_contacted_from)) as mailbox,
        l.assigned_to,
        coalesce(r.campaign_id, l.campaign_id) as campaign_id,
        c.campaign_name,
        l.status,
        l.status_label,
        r.replied_at,
        r.last_replied_at,
        r.replies,
        epoch_ms(greatest(w.as_of - r.replied_at, interval 0 hour)) / 3600000.0 as hours_waiting,
        r.answered_before_at,
        coalesce(k.is_by_emails, false) as is_answer_known,
        w.as_of
    from waiting as r
    inner join marts.dim_lead as l on r.workspace_id = l.workspace_id and r.lead_id = l.lead_id
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
    left join intermediate.int_event_reach as k on r.workspace_id = k.workspace_id and k.event = 'replied'
    left join intermediate.int_campaign as c
        on r.workspace_id = c.workspace_id and coalesce(r.campaign_id, l.campaign_id) = c.campaign_id
    where l.lt_interest_status is null and not l.is_deleted
)

select * from joined
order by workspace_name, replied_at, workspace_id, lead_id

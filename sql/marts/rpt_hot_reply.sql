-- one row per lead and run of replies, without an answer by hand in between, that show interest
-- Only where e-mails are read: nothing else shows answers by hand. Interest is what a user or Instantly's AI says of the
-- reply, or of the lead at any time.
with clock as (
    select
        workspace_id,
        workspace_name,
        as_of
    from marts.dim_workspace
),

threads as (
    select
        *,
        count(*) filter (where event = 'answered') over (
            each_lead rows between unbounded preceding and current row
        ) as answers_before,
        min(occurred_at) filter (where event = 'answered') over (
            each_lead rows between current row and unbounded following
        ) as answered_at
    from intermediate.int_reported_event
    where event in ('replied', 'answered') and lead_id is not null
    window each_lead as (partition by workspace_id, lead_id order by occurred_at, report_id)
),

runs as (
    select
        t.workspace_id,
        t.lead_id,
        min(t.occurred_at) as replied_at,
        max(t.occurred_at) as last_replied_at,
        count(*) as replies,
        any_value(t.answered_at) as answered_at,
        arg_max(t.email, t.occurred_at) as email,
        arg_max(t.mailbox, t.occurred_at) as mailbox,
        arg_max(t.campaign_id, t.occurred_at) as campaign_id,
        max(t.ai_interest_value) as ai_interest_value,
        coalesce(bool_or(interest_kind(t.email_interest_status, o.kind) = 'positive'), false) as is_marked
    from threads as t
    inner join intermediate.int_event_reach as k
        on t.workspace_id = k.workspace_id and k.event = 'replied' and k.is_by_emails
    left join intermediate.int_interest_label as o
        on t.workspace_id = o.workspace_id and t.email_interest_status = o.interest_status
    where t.event = 'replied'
    group by t.workspace_id, t.lead_id, t.answers_before
),

hot as (
    select
        r.*,
        l.assigned_to,
        l.interest_label,
        l.lt_interest_status,
        -- half of the scale of 0 to 1, where nobody has judged the lead yet
        l.lt_interest_status is null and coalesce(r.ai_interest_value >= 0.5, false) as is_unjudged,
        l.is_positive,
        -- whoever marked a meeting after the reply has dealt with it
        coalesce(
            l.lt_interest_status in (2, 3, 4) and l.timestamp_last_interest_change > r.last_replied_at, false
        ) as has_moved_on
    from runs as r
    inner join marts.dim_lead as l on r.workspace_id = l.workspace_id and r.lead_id = l.lead_id
    where r.is_marked or l.ever_positive or (l.lt_interest_status is null and r.ai_interest_value >= 0.5)
),

joined as (
    select
        h.workspace_id,
        k.workspace_name,
        h.lead_id,
        h.replied_at,
        case
            when h.answered_at is not null then 'answered'
            when (h.is_positive or h.is_unjudged) and not h.has_moved_on then 'waiting'
            else 'settled'
        end as state,
        h.email,
        h.mailbox,
        h.assigned_to,
        h.campaign_id,
        c.campaign_name,
        h.lt_interest_status,
        h.interest_label,
        h.replies,
        h.last_replied_at,
        h.answered_at,
        case when h.answered_at is not null then epoch_ms(h.answered_at - h.replied_at) / 3600000.0 end
            as hours_to_answer,
        case when state = 'waiting' then epoch_ms(greatest(k.as_of - h.replied_at, interval 0 hour)) / 3600000.0 end
            as hours_waiting,
        k.as_of
    from hot as h
    left join clock as k on h.workspace_id = k.workspace_id
    left join intermediate.int_campaign as c on h.workspace_id = c.workspace_id and h.campaign_id = c.campaign_id
)

select * from joined
order by workspace_name, hours_waiting desc nulls last, replied_at desc, workspace_id, lead_id

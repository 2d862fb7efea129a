-- one row per workspace and kind of event: since when each of them is reported, by e-mails or webhook events
-- Of e-mails that were read in full this is always; of events it is the first one, since nothing tells since when there
-- was a webhook for them. A stream that is no longer read reports nothing of today.
with status as (
    select
        workspace_id,
        stream,
        chosen,
        last_success_at is not null and not partial as is_in_full
    from meta.stream_status
),

reported as (
    select
        e.workspace_id,
        e.event,
        min(e.occurred_at) as since,
        bool_or(e.source = 'emails') as is_by_emails
    from intermediate.int_reported_event as e
    left join status as s on e.workspace_id = s.workspace_id and e.source = s.stream
    where coalesce(s.chosen, true)
    group by e.workspace_id, e.event
),

in_full as (
    select
        workspace_id,
        unnest(['contacted', 'answered', 'replied', 'auto replied']) as event,
        timestamp '-infinity' as since,
        true as is_by_emails
    from status
    where stream = 'emails' and is_in_full and chosen
),

every as (
    select * from reported
    union all
    select * from in_full
),

earliest as (
    select
        workspace_id,
        event,
        min(since) as since,
        bool_or(is_by_emails) as is_by_emails
    from every
    group by workspace_id, event
)

select * from earliest

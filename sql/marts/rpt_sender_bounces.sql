-- one row per sending account and day, since the first bounce event, with bounces by event or by the daily figures
with events as (
    select
        workspace_id,
        mailbox as email,
        occurred_at::date as date,
        count(*) as bounce_events
    from intermediate.int_reported_event
    where event = 'bounced' and mailbox is not null
    group by workspace_id, mailbox, occurred_at::date
),

figures as (
    select
        d.workspace_id,
        d.email,
        d.date,
        d.sent,
        d.bounced
    from marts.fct_account_daily as d
    inner join intermediate.int_event_reach as r on d.workspace_id = r.workspace_id and r.event = 'bounced'
    where d.date >= r.since::date
),

days as (
    select
        coalesce(e.workspace_id, f.workspace_id) as workspace_id,
        coalesce(e.email, f.email) as email,
        coalesce(e.date, f.date) as date,
        f.sent,
        f.bounced,
        coalesce(e.bounce_events, 0) as bounce_events
    from events as e
    full join figures as f on e.workspace_id = f.workspace_id and e.email = f.email and e.date = f.date
    where e.bounce_events > 0 or f.bounced > 0
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.email,
        domain_of(n.email) as domain,
        n.date,
        n.sent,
        n.bounced,
        n.bounce_events,
        n.bounce_events - n.bounced as difference
    from days as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, date desc, bounce_events desc, workspace_id, email

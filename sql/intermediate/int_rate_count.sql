-- one row per entity (account, domain, campaign, workspace) and metric that sent in the last 35 closed days: its counts
-- in the last 7 closed days, in the 28 before, and in the last 28
-- A day is closed 48 hours after its start, judged by when its stream was last read. Daily figures say nothing of a
-- campaign's bounces and unsubscribes: these are differences of its lifetime counters, as the syncs read them.
with clock as (
    select
        r.workspace_id,
        r.stream,
        (coalesce(r.last_read_at, w.as_of) - interval 2 day)::date as last_date
    from intermediate.int_stream_read as r
    left join intermediate.int_workspace_clock as w on r.workspace_id = w.workspace_id
),

account_days as (
    select
        d.workspace_id,
        d.email,
        d.date,
        k.last_date,
        d.sent,
        d.bounced,
        d.unique_replies
    from intermediate.int_account_day as d
    inner join clock as k on d.workspace_id = k.workspace_id and k.stream = 'account_daily_analytics'
    where
        d.date between k.last_date - 34 and k.last_date
        and has_send_figures(d.sent, d.bounced, d.contacted, d.replies)
),

by_account as (
    select
        workspace_id,
        'account' as entity,
        email as entity_id,
        date,
        last_date,
        sent,
        unnest([{ 'metric': 'bounces', 'events': bounced }, { 'metric': 'replies', 'events': unique_replies }])
            as counted
    from account_days
),

by_domain as (
    select
        workspace_id,
        'domain' as entity,
        domain_of(entity_id) as entity_id,
        date,
        last_date,
        sent,
        counted
    from by_account
    where domain_of(entity_id) is not null
),

by_campaign as (
    select
        d.workspace_id,
        'campaign' as entity,
        d.campaign_id as entity_id,
        d.date,
        k.last_date,
        d.sent,
        unnest(
            [
                { 'metric': 'replies', 'events': d.unique_replies },
                { 'metric': 'opportunities', 'events': d.opportunities }
            ]
        ) as counted
    from intermediate.int_campaign_day as d
    inner join clock as k on d.workspace_id = k.workspace_id and k.stream = 'daily_analytics'
    where d.date between k.last_date - 34 and k.last_date
),

-- bounces of the workspace are those of its accounts
by_workspace as (
    select * replace ('workspace' as entity, workspace_id as entity_id) from by_account
    where counted.metric = 'bounces'
    union all
    select
        d.workspace_id,
        'workspace',
        d.workspace_id as entity_id,
        d.date,
        k.last_date,
        d.sent,
        unnest(
            [
                { 'metric': 'replies', 'events': d.unique_replies },
                { 'metric': 'opportunities', 'events': d.opportunities }
            ]
        )
    from marts.rpt_workspace_daily as d
    inner join (
        select
            workspace_id,
            max(last_date) as last_date
        from clock
        where stream in ('workspace_daily_analytics', 'daily_analytics')
        group by workspace_id
    ) as k on d.workspace_id = k.workspace_id
    where d.date between k.last_date - 34 and k.last_date
),

every_day as (
    select * from by_account
    union all
    select * from by_domain
    union all
    select * from by_campaign
    union all
    select * from by_workspace
),

by_day as (
    select
        workspace_id,
        entity,
        entity_id,
        counted.metric,
        last_date,
        whole_sum(if(date > last_date - 7, counted.events, 0))::bigint as events,
        whole_sum(if(date > last_date - 7, sent, 0))::bigint as sent,
        whole_sum(if(date <= last_date - 7, counted.events, 0))::bigint as events_before,
        whole_sum(if(date <= last_date - 7, sent, 0))::bigint as sent_before,
        whole_sum(if(date > last_date - 28, counted.events, 0))::bigint as events_28d,
        whole_sum(if(date > last_date - 28, sent, 0))::bigint as sent_28d
    from every_day
    group by workspace_id, entity, entity_id, counted.metric, last_date
    having coalesce(sum(sent), 1) > 0
),

-- what a campaign's counters were when each of these days began; zero before they were first read
counters as (
    select
        c.workspace_id,
        c.campaign_id,
        k.last_date,
        max_by(c.counted, c.read_at) filter (where c.read_at < k.last_date + 1) as now,
        max_by(c.counted, c.read_at) filter (where c.read_at < k.last_date - 6) as week_ago,
        coalesce(
            max_by(c.counted, c.read_at) filter (where c.read_at < k.last_date - 34),
            { 'sent': 0, 'bounced': 0, 'unsubscribed': 0 }
        ) as five_weeks_ago
    from (
        select
            workspace_id,
            campaign_id,
            _valid_from at time zone 'UTC' as read_at,
            { 'sent': emails_sent_count, 'bounced': bounced_count, 'unsubscribed': unsubscribed_count } as counted
        from history.campaign_analytics
        where _op = 'upsert'
    ) as c
    inner join clock as k on c.workspace_id = k.workspace_id and k.stream = 'campaign_analytics'
    group by c.workspace_id, c.campaign_id, k.last_date
),

by_counter as (
    select
        workspace_id,
        'campaign' as entity,
        campaign_id as entity_id,
        last_date,
        now.sent - week_ago.sent as sent,
        week_ago.sent - five_weeks_ago.sent as sent_before,
        unnest(
            [
                {
                    'metric': 'bounces',
                    'events': now.bounced - week_ago.bounced,
                    'events_before': week_ago.bounced - five_weeks_ago.bounced
                },
                {
                    'metric': 'unsubscribes',
                    'events': now.unsubscribed - week_ago.unsubscribed,
                    'events_before': week_ago.unsubscribed - five_weeks_ago.unsubscribed
                }
            ]
        ) as counted
    from counters
    where now.sent > five_weeks_ago.sent and week_ago is not null
),

counts as (
    select * from by_day
    union all by name
    select
        workspace_id,
        entity,
        entity_id,
        counted.metric,
        last_date,
        counted.events,
        sent,
        counted.events_before,
        sent_before
    from by_counter
)

select * from counts

-- one row per workspace and day, from its first day with figures to its last, quiet days as zeros
-- The workspace's own figures count (deleted campaigns are in them); sums over campaigns stand in for days before the
-- first and after the last of them.
with own as (
    select * from intermediate.int_workspace_day
),

campaigns as (
    select
        workspace_id,
        date,
        count(*) filter (where sent > 0) as campaigns_sending,
        sum(sent)::bigint as sent,
        sum(contacted)::bigint as contacted,
        sum(new_leads_contacted)::bigint as new_leads_contacted,
        sum(opened)::bigint as opened,
        sum(unique_opened)::bigint as unique_opened,
        sum(replies)::bigint as replies,
        sum(unique_replies)::bigint as unique_replies,
        sum(replies_automatic)::bigint as replies_automatic,
        sum(clicks)::bigint as clicks,
        sum(unique_clicks)::bigint as unique_clicks,
        sum(opportunities)::bigint as opportunities,
        max(verified_at) as verified_at
    from intermediate.int_campaign_day
    group by workspace_id, date
),

accounts as (
    select
        workspace_id,
        date,
        count(*) filter (where sent > 0) as accounts_sending,
        sum(bounced)::bigint as bounced,
        sum(sent)::bigint as sent_by_accounts
    from intermediate.int_account_day
    group by workspace_id, date
),

reach as (
    select
        workspace_id,
        min(date) as first_date,
        max(date) as last_date,
        min(date) filter (where is_own) as first_own,
        max(date) filter (where is_own) as last_own
    from (
        select workspace_id, date, true as is_own from own
        union all
        select workspace_id, date, false from campaigns
    ) as every_day
    group by workspace_id
),

every_date as (
    select
        *,
        unnest(generate_series(first_date::timestamp, last_date::timestamp, interval 1 day))::date as date
    from reach
),

spine as (
    select
        workspace_id,
        date,
        coalesce(date between first_own and last_own, false) as has_own
    from every_date
),

window_read as (
    select workspace_id, max(verified_at) as verified_at
    from (
        select workspace_id, verified_at from own
        union all
        select workspace_id, verified_at from campaigns
    ) as every_row
    group by workspace_id
),

figures as (
    select
        s.workspace_id,
        s.date,
        case when s.has_own then 'workspace' else 'campaigns' end as figures_from,
        coalesce(o.figures_state, 'as read') as figures_state,
        case when s.has_own then coalesce(o.sent, 0) else coalesce(c.sent, 0) end as sent,
        case when s.has_own then coalesce(o.contacted, if(o.date is null, 0, null))
            else coalesce(c.contacted, if(c.date is null, 0, null)) end as contacted,
        case when s.has_own then coalesce(o.new_leads_contacted, if(o.date is null, 0, null))
            else coalesce(c.new_leads_contacted, if(c.date is null, 0, null)) end as new_leads_contacted,
        case when s.has_own then coalesce(o.opened, 0) else coalesce(c.opened, 0) end as opened,
        case when s.has_own then coalesce(o.unique_opened, 0) else coalesce(c.unique_opened, 0) end as unique_opened,
        case when s.has_own then coalesce(o.replies, 0) else coalesce(c.replies, 0) end as replies,
        case when s.has_own then coalesce(o.unique_replies, 0) else coalesce(c.unique_replies, 0) end
            as unique_replies,
        case when s.has_own then coalesce(o.replies_automatic, if(o.date is null, 0, null))
            else coalesce(c.replies_automatic, if(c.date is null, 0, null)) end as replies_automatic,
        case when s.has_own then coalesce(o.clicks, 0) else coalesce(c.clicks, 0) end as clicks,
        case when s.has_own then coalesce(o.unique_clicks, 0) else coalesce(c.unique_clicks, 0) end as unique_clicks,
        case when s.has_own then coalesce(o.opportunities, if(o.date is null, 0, null))
            else coalesce(c.opportunities, if(c.date is null, 0, null)) end as opportunities,
        coalesce(c.sent, 0) as sent_in_known_campaigns,
        coalesce(c.campaigns_sending, 0) as campaigns_sending,
        a.accounts_sending,
        a.sent_by_accounts,
        a.bounced,
        coalesce(case when s.has_own then o.verified_at else c.verified_at end, r.verified_at) as verified_at
    from spine as s
    left join own as o on s.workspace_id = o.workspace_id and s.date = o.date
    left join campaigns as c on s.workspace_id = c.workspace_id and s.date = c.date
    left join accounts as a on s.workspace_id = a.workspace_id and s.date = a.date
    left join window_read as r on s.workspace_id = r.workspace_id
),

rolling as (
    select
        f.*,
        sum(sent) over last_7_days as sent_7d,
        sum(new_leads_contacted) over last_7_days as new_leads_contacted_7d,
        sum(replies) over last_7_days as replies_7d,
        sum(opportunities) over last_7_days as opportunities_7d
    from figures as f
    window last_7_days as (
        partition by workspace_id order by date rows between 6 preceding and current row
    )
),

targets as (
    select
        workspace_id,
        max(value) filter (where name = 'sent') as sent_target,
        max(value) filter (where name = 'replies') as replies_target,
        max(value) filter (where name = 'opportunities') as opportunities_target
    from intermediate.int_workspace_setting
    where kind = 'target'
    group by workspace_id
),

joined as (
    select
        r.workspace_id,
        w.workspace_name,
        r.date,
        r.figures_from,
        r.figures_state,
        r.sent,
        r.contacted,
        r.new_leads_contacted,
        r.opened,
        r.unique_opened,
        r.replies,
        r.unique_replies,
        r.replies_automatic,
        r.clicks,
        r.unique_clicks,
        r.opportunities,
        r.sent_in_known_campaigns,
        r.campaigns_sending,
        r.accounts_sending,
        r.sent_by_accounts,
        r.bounced,
        rate_of(r.bounced, r.sent_by_accounts) as bounce_rate,
        wilson_low(r.bounced, r.sent_by_accounts) as bounce_rate_low,
        wilson_high(r.bounced, r.sent_by_accounts) as bounce_rate_high,
        r.sent_7d::bigint as sent_7d,
        r.new_leads_contacted_7d::bigint as new_leads_contacted_7d,
        r.replies_7d::bigint as replies_7d,
        r.opportunities_7d::bigint as opportunities_7d,
        rate_of(r.replies_7d, r.sent_7d) as replies_per_sent_7d,
        case when isodow(r.date) < 6 then t.sent_target end as sent_target,
        case when isodow(r.date) < 6 then t.replies_target end as replies_target,
        case when isodow(r.date) < 6 then t.opportunities_target end as opportunities_target,
        is_open_day(r.date, r.verified_at) as is_partial,
        r.verified_at
    from rolling as r
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
    left join targets as t on r.workspace_id = t.workspace_id
)

select * from joined
order by workspace_name, workspace_id, date

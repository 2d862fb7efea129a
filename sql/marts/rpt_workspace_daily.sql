-- one row per workspace and day, from its first day with figures to its last, days without activity as zeros
-- Workspace-level figures come first, since they include deleted campaigns. Before their first day and after their
-- last, sums over campaigns are used.
with own as (
    select * from intermediate.int_workspace_day
),

campaigns as (
    select
        workspace_id,
        date,
        case when count(sent) = count(*) then count(*) filter (where sent > 0) end as campaigns_sending,
        whole_sum(sent)::bigint as sent,
        whole_sum(contacted)::bigint as contacted,
        whole_sum(new_leads_contacted)::bigint as new_leads_contacted,
        whole_sum(opened)::bigint as opened,
        whole_sum(unique_opened)::bigint as unique_opened,
        whole_sum(replies)::bigint as replies,
        whole_sum(unique_replies)::bigint as unique_replies,
        whole_sum(replies_automatic)::bigint as replies_automatic,
        whole_sum(clicks)::bigint as clicks,
        whole_sum(unique_clicks)::bigint as unique_clicks,
        whole_sum(opportunities)::bigint as opportunities,
        max(verified_at) as verified_at
    from intermediate.int_campaign_day
    group by workspace_id, date
),

accounts as (
    select
        workspace_id,
        date,
        case when count(sent) = count(*) then count(*) filter (where sent > 0) end as accounts_sending,
        whole_sum(bounced)::bigint as bounced,
        whole_sum(sent)::bigint as sent_by_accounts
    from intermediate.int_account_day
    where has_send_figures(sent, bounced, contacted, replies)
    group by workspace_id, date
),

outcomes as (
    select
        workspace_id,
        date,
        sum(new_positive_leads)::bigint as new_positive_leads,
        sum(new_meeting_leads)::bigint as new_meeting_leads
    from intermediate.int_campaign_outcome_day
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

-- from the first day with sends of any account to the day they were last read
account_reach as (
    select
        a.workspace_id,
        min(a.date) as first_account_date,
        greatest(max(a.date), any_value(r.last_read_at)::date) as last_account_date
    from accounts as a
    left join intermediate.int_stream_read as r
        on a.workspace_id = r.workspace_id and r.stream = 'account_daily_analytics'
    group by a.workspace_id
),

every_date as (
    select
        *,
        unnest(generate_series(first_date::timestamp, last_date::timestamp, interval 1 day))::date as date
    from reach
),

spine as (
    select
        d.workspace_id,
        d.date,
        coalesce(d.date between d.first_own and d.last_own, false) as has_own,
        coalesce(d.date between a.first_account_date and a.last_account_date, false) as has_accounts
    from every_date as d
    left join account_reach as a on d.workspace_id = a.workspace_id
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
        -- noqa: disable=layout.long_lines
        if(s.has_own, figure_of_day(o.date is not null, o.sent), figure_of_day(c.date is not null, c.sent)) as sent,
        if(s.has_own, figure_of_day(o.date is not null, o.contacted), figure_of_day(c.date is not null, c.contacted)) as contacted,
        if(s.has_own, figure_of_day(o.date is not null, o.new_leads_contacted), figure_of_day(c.date is not null, c.new_leads_contacted)) as new_leads_contacted,
        if(s.has_own, figure_of_day(o.date is not null, o.opened), figure_of_day(c.date is not null, c.opened)) as opened,
        if(s.has_own, figure_of_day(o.date is not null, o.unique_opened), figure_of_day(c.date is not null, c.unique_opened)) as unique_opened,
        if(s.has_own, figure_of_day(o.date is not null, o.replies), figure_of_day(c.date is not null, c.replies)) as replies,
        if(s.has_own, figure_of_day(o.date is not null, o.unique_replies), figure_of_day(c.date is not null, c.unique_replies)) as unique_replies,
        if(s.has_own, figure_of_day(o.date is not null, o.replies_automatic), figure_of_day(c.date is not null, c.replies_automatic)) as replies_automatic,
        if(s.has_own, figure_of_day(o.date is not null, o.clicks), figure_of_day(c.date is not null, c.clicks)) as clicks,
        if(s.has_own, figure_of_day(o.date is not null, o.unique_clicks), figure_of_day(c.date is not null, c.unique_clicks)) as unique_clicks,
        if(s.has_own, figure_of_day(o.date is not null, o.opportunities), figure_of_day(c.date is not null, c.opportunities)) as opportunities,
        -- noqa: enable=layout.long_lines
        case when h.has_days then figure_of_day(c.date is not null, c.sent) end as sent_in_known_campaigns,
        case when h.has_days then figure_of_day(c.date is not null, c.campaigns_sending) end as campaigns_sending,
        case when s.has_accounts then figure_of_day(a.date is not null, a.accounts_sending) end as accounts_sending,
        case when s.has_accounts then figure_of_day(a.date is not null, a.sent_by_accounts) end as sent_by_accounts,
        case when s.has_accounts then figure_of_day(a.date is not null, a.bounced) end as bounced,
        case when h.has_leads then coalesce(l.new_positive_leads, 0) end as new_positive_leads,
        case when h.has_leads then coalesce(l.new_meeting_leads, 0) end as new_meeting_leads,
        coalesce(case when s.has_own then o.verified_at else c.verified_at end, r.verified_at) as verified_at
    from spine as s
    left join own as o on s.workspace_id = o.workspace_id and s.date = o.date
    left join campaigns as c on s.workspace_id = c.workspace_id and s.date = c.date
    left join accounts as a on s.workspace_id = a.workspace_id and s.date = a.date
    left join outcomes as l on s.workspace_id = l.workspace_id and s.date = l.date
    left join window_read as r on s.workspace_id = r.workspace_id
    left join intermediate.int_workspace_streams as h on s.workspace_id = h.workspace_id
),

rolling as (
    select
        f.*,
        count(*) over last_7_days as days_there,
        case when count(sent) over last_7_days = days_there then sum(sent) over last_7_days end as sent_7d,
        case
            when count(new_leads_contacted) over last_7_days = days_there then sum(new_leads_contacted) over last_7_days
        end as new_leads_contacted_7d,
        case when count(replies) over last_7_days = days_there then sum(replies) over last_7_days end as replies_7d,
        case when count(opportunities) over last_7_days = days_there then sum(opportunities) over last_7_days end
            as opportunities_7d,
        sum(new_positive_leads) over last_7_days as new_positive_leads_7d,
        sum(new_meeting_leads) over last_7_days as new_meeting_leads_7d
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
        r.new_positive_leads,
        r.new_meeting_leads,
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
        r.new_positive_leads_7d::bigint as new_positive_leads_7d,
        r.new_meeting_leads_7d::bigint as new_meeting_leads_7d,
        rate_of(r.replies_7d, r.sent_7d) as replies_per_sent_7d,
        case when isodow(r.date) < 6 then t.sent_target end as sent_target,
        case when isodow(r.date) < 6 then t.replies_target end as replies_target,
        case when isodow(r.date) < 6 then t.opportunities_target end as opportunities_target,
        is_open_day(r.date, r.verified_at) as is_partial,
        r.date < f.first_read_at as is_before_first_read,
        r.verified_at
    from rolling as r
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
    left join targets as t on r.workspace_id = t.workspace_id
    left join intermediate.int_first_read as f on r.workspace_id = f.workspace_id
)

select * from joined
order by workspace_name, workspace_id, date

-- one row per campaign and day with figures
with days as (
    select * from intermediate.int_campaign_day
),

rolling as (
    select
        d.*,
        count(*) over last_7_days as days_there,
        case when count(sent) over last_7_days = days_there then sum(sent) over last_7_days end as sent_7d,
        case
            when count(new_leads_contacted) over last_7_days = days_there then sum(new_leads_contacted) over last_7_days
        end as new_leads_contacted_7d,
        case when count(opened) over last_7_days = days_there then sum(opened) over last_7_days end as opened_7d,
        case when count(replies) over last_7_days = days_there then sum(replies) over last_7_days end as replies_7d,
        case when count(clicks) over last_7_days = days_there then sum(clicks) over last_7_days end as clicks_7d,
        case when count(opportunities) over last_7_days = days_there then sum(opportunities) over last_7_days end
            as opportunities_7d
    from days as d
    window last_7_days as (
        partition by workspace_id, campaign_id
        order by date range between interval 6 days preceding and current row
    )
),

joined as (
    select
        r.workspace_id,
        w.workspace_name,
        r.campaign_id,
        c.campaign_name,
        r.date,
        r.sent,
        r.contacted,
        r.new_leads_contacted,
        r.opened,
        r.unique_opened,
        r.replies,
        r.unique_replies,
        r.replies_automatic,
        r.unique_replies_automatic,
        r.clicks,
        r.unique_clicks,
        r.opportunities,
        r.unique_opportunities,
        r.sent_7d::bigint as sent_7d,
        r.new_leads_contacted_7d::bigint as new_leads_contacted_7d,
        r.opened_7d::bigint as opened_7d,
        r.replies_7d::bigint as replies_7d,
        r.clicks_7d::bigint as clicks_7d,
        r.opportunities_7d::bigint as opportunities_7d,
        rate_of(r.replies_7d, r.sent_7d) as replies_per_sent_7d,
        r.is_partial,
        r.figures_state,
        r.is_vanished,
        r.times_restated,
        r.times_restated_after_close,
        r.sent_first_seen,
        r.unique_opened_first_seen,
        r.unique_replies_first_seen,
        r.first_seen_at,
        r.verified_at
    from rolling as r
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on r.workspace_id = c.workspace_id and r.campaign_id = c.campaign_id
)

select * from joined
order by workspace_id, campaign_id, date

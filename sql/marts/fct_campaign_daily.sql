-- one row per campaign and day with figures
with days as (
    select * from intermediate.int_campaign_day
),

rolling as (
    select
        d.*,
        sum(sent) over last_7_days as sent_7d,
        sum(new_leads_contacted) over last_7_days as new_leads_contacted_7d,
        sum(opened) over last_7_days as opened_7d,
        sum(replies) over last_7_days as replies_7d,
        sum(clicks) over last_7_days as clicks_7d,
        sum(opportunities) over last_7_days as opportunities_7d
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

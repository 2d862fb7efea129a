-- one row per sending account and day with sends or warmup
with days as (
    select * from intermediate.int_account_day
),

rolling as (
    select
        d.*,
        count(*) filter (where has_send_figures(sent, bounced, contacted, replies))
            over last_7_days
            as days_with_figures,
        case when count(sent) over last_7_days = days_with_figures then sum(sent) over last_7_days end as sent_7d,
        case when count(bounced) over last_7_days = days_with_figures then sum(bounced) over last_7_days end
            as bounced_7d,
        case when count(replies) over last_7_days = days_with_figures then sum(replies) over last_7_days end
            as replies_7d,
        sum(warmup_sent) over last_7_days as warmup_sent_7d,
        sum(warmup_inbox) over last_7_days as warmup_inbox_7d
    from days as d
    window last_7_days as (
        partition by workspace_id, email
        order by date range between interval 6 days preceding and current row
    )
),

joined as (
    select
        r.workspace_id,
        w.workspace_name,
        r.email,
        domain_of(r.email) as domain,
        r.date,
        r.sent,
        r.bounced,
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
        rate_of(r.bounced, r.sent) as bounce_rate,
        wilson_low(r.bounced, r.sent) as bounce_rate_low,
        wilson_high(r.bounced, r.sent) as bounce_rate_high,
        r.warmup_sent,
        r.warmup_received,
        r.warmup_inbox,
        r.warmup_spam,
        rate_of(r.warmup_inbox, r.warmup_sent) as warmup_inbox_rate,
        wilson_low(r.warmup_inbox, r.warmup_sent) as warmup_inbox_rate_low,
        wilson_high(r.warmup_inbox, r.warmup_sent) as warmup_inbox_rate_high,
        r.stat_warmup_score,
        r.daily_limit,
        rate_of(r.sent, r.daily_limit) as utilisation_rate,
        r.sent_7d::bigint as sent_7d,
        r.bounced_7d::bigint as bounced_7d,
        r.replies_7d::bigint as replies_7d,
        r.warmup_sent_7d::bigint as warmup_sent_7d,
        r.warmup_inbox_7d::bigint as warmup_inbox_7d,
        is_open_day(r.date, r.verified_at) as is_partial,
        r.verified_at
    from rolling as r
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
)

select * from joined
order by workspace_id, email, date

-- one row per own sending domain and day with sends or warmup
-- The worst account has the most bounces above the warning threshold in 7 days, or else the most warmup spam. Test
-- e-mails, those of inbox placement tests, count over 7 days alone, since tests run about once a week.
with tolerated as (
    select coalesce(max(warning), 0) as bounce_rate from seeds.thresholds
    where entity = 'sender' and metric = 'bounce_rate'
),

-- a day without a row had no sends, if the stream was read at all
accounts as (
    select
        a.*,
        {
            'bounces': greatest(a.bounced_7d - t.bounce_rate * a.sent_7d, 0),
            'spam': 1 - coalesce(rate_of(a.warmup_inbox_7d, a.warmup_sent_7d), 1),
            'email': a.email -- of two alike the same one is named in every build
        } as fault,
        rate_of(a.bounced_7d, a.sent_7d) as bounce_rate_7d,
        rate_of(a.warmup_inbox_7d, a.warmup_sent_7d) as warmup_inbox_rate_7d,
        a.bounced_7d > 0 or a.warmup_inbox_7d < a.warmup_sent_7d as has_fault,
        has_send_figures(a.sent, a.bounced, a.contacted, a.replies) as has_sends_of_day,
        coalesce(s.has_sends, false) or bool_or(has_sends_of_day) over (partition by a.workspace_id) as has_sends
    from marts.fct_account_daily as a
    cross join tolerated as t
    left join intermediate.int_workspace_streams as s on a.workspace_id = s.workspace_id
),

days as (
    select
        workspace_id,
        any_value(workspace_name) as workspace_name,
        domain,
        date,
        case when bool_and(has_sends) then whole_sum(if(has_sends_of_day, (sent > 0)::bigint, 0)) end::bigint
            as accounts_sending,
        case when bool_and(has_sends) then whole_sum(if(has_sends_of_day, sent, 0)) end::bigint as sent,
        case when bool_and(has_sends) then whole_sum(if(has_sends_of_day, bounced, 0)) end::bigint as bounced,
        case when bool_and(has_sends) then whole_sum(if(has_sends_of_day, replies, 0)) end::bigint as replies,
        case when bool_and(has_sends) then whole_sum(if(has_sends_of_day, unique_replies, 0)) end::bigint
            as unique_replies,
        case when bool_and(has_sends) then whole_sum(if(sent > 0, daily_limit, 0)) end::bigint as daily_limit,
        sum(warmup_sent)::bigint as warmup_sent,
        sum(warmup_inbox)::bigint as warmup_inbox,
        sum(warmup_spam)::bigint as warmup_spam,
        min(stat_warmup_score) as lowest_warmup_score,
        max_by(email, fault) filter (where has_fault) as worst_email,
        max_by(bounce_rate_7d, fault) filter (where has_fault) as worst_email_bounce_rate_7d,
        max_by(warmup_inbox_rate_7d, fault) filter (where has_fault) as worst_email_warmup_inbox_rate_7d,
        bool_or(is_partial) as is_partial,
        max(verified_at) as verified_at
    from accounts
    where domain is not null
    group by workspace_id, domain, date
),

test_days as (
    select
        workspace_id,
        domain,
        date,
        count(landed_in) as placed,
        count(*) filter (where landed_in = 'inbox') as inbox,
        count(*) filter (where landed_in = 'spam') as spam
    from intermediate.int_placement_email
    group by workspace_id, domain, date
),

tests as (
    select
        d.workspace_id,
        d.domain,
        d.date,
        sum(t.placed)::bigint as test_placed_7d,
        sum(t.inbox)::bigint as test_inbox_7d,
        sum(t.spam)::bigint as test_spam_7d
    from days as d
    inner join test_days as t
        on d.workspace_id = t.workspace_id and d.domain = t.domain and t.date between d.date - 6 and d.date
    group by d.workspace_id, d.domain, d.date
),

summed as (
    select
        d.*,
        t.test_placed_7d,
        t.test_inbox_7d,
        t.test_spam_7d
    from days as d
    left join tests as t on d.workspace_id = t.workspace_id and d.domain = t.domain and d.date = t.date
),

rolling as (
    select
        *,
        case when count(sent) over last_7_days = count(*) over last_7_days then sum(sent) over last_7_days end
            as sent_7d,
        case when count(bounced) over last_7_days = count(*) over last_7_days then sum(bounced) over last_7_days end
            as bounced_7d,
        case
            when count(unique_replies) over last_7_days = count(*) over last_7_days
                then sum(unique_replies) over last_7_days
        end as daily_unique_replies_sum_7d,
        max(date) over (partition by workspace_id, domain) as last_row_on,
        sum(warmup_sent) over last_7_days as warmup_sent_7d,
        sum(warmup_inbox) over last_7_days as warmup_inbox_7d
    from summed
    window last_7_days as (
        partition by workspace_id, domain
        order by date range between interval 6 days preceding and current row
    )
),

judged as (
    select
        r.workspace_id,
        r.domain,
        r.date,
        named_share(t.title, v.x, v.n) as metric,
        traffic_light(v.x, v.n, t.bad_when, t.warning, t.critical) as light
    from rolling as r
    cross join seeds.thresholds as t
    inner join lateral (
        select
            case t.metric
                when 'bounce_rate' then r.bounced_7d
                when 'warmup_inbox_rate' then r.warmup_inbox_7d
                when 'test_inbox_rate' then r.test_inbox_7d
            end as x,
            case t.metric
                when 'bounce_rate' then r.sent_7d
                when 'warmup_inbox_rate' then r.warmup_sent_7d
                when 'test_inbox_rate' then r.test_placed_7d
            end as n
    ) as v on true
    where t.entity = 'sender' and t.metric in ('bounce_rate', 'warmup_inbox_rate', 'test_inbox_rate')
    union all
    -- rates that turned are known as of the last closed day alone
    select
        r.workspace_id,
        r.domain,
        r.date,
        c.reason,
        'amber'
    from rolling as r
    inner join intermediate.int_sender_turn as c
        on r.workspace_id = c.workspace_id and c.entity = 'domain' and r.domain = c.entity_id
    where r.date >= least(c.last_date, r.last_row_on)
),

health as (
    select
        workspace_id,
        domain,
        date,
        worst_light(light) as health,
        light_reasons(metric, light) as reason
    from judged
    group by workspace_id, domain, date
),

joined as (
    select
        r.workspace_id,
        r.workspace_name,
        r.domain,
        r.date,
        coalesce(h.health, 'grey') as health,
        health_reason(h.health, h.reason) as health_reason,
        r.worst_email,
        r.is_partial,
        r.accounts_sending,
        r.sent,
        r.bounced,
        rate_of(r.bounced, r.sent) as bounce_rate,
        wilson_low(r.bounced, r.sent) as bounce_rate_low,
        wilson_high(r.bounced, r.sent) as bounce_rate_high,
        r.replies,
        r.unique_replies,
        r.daily_limit,
        rate_of(r.sent, r.daily_limit) as utilisation_rate,
        r.warmup_sent,
        r.warmup_inbox,
        r.warmup_spam,
        rate_of(r.warmup_inbox, r.warmup_sent) as warmup_inbox_rate,
        wilson_low(r.warmup_inbox, r.warmup_sent) as warmup_inbox_rate_low,
        wilson_high(r.warmup_inbox, r.warmup_sent) as warmup_inbox_rate_high,
        r.lowest_warmup_score,
        r.worst_email_bounce_rate_7d,
        r.worst_email_warmup_inbox_rate_7d,
        r.sent_7d::bigint as sent_7d,
        r.bounced_7d::bigint as bounced_7d,
        rate_of(r.bounced_7d, r.sent_7d) as bounce_rate_7d,
        wilson_low(r.bounced_7d, r.sent_7d) as bounce_rate_7d_low,
        wilson_high(r.bounced_7d, r.sent_7d) as bounce_rate_7d_high,
        r.daily_unique_replies_sum_7d::bigint as daily_unique_replies_sum_7d,
        r.daily_unique_replies_sum_7d::bigint as unique_replies_7d,
        r.warmup_sent_7d::bigint as warmup_sent_7d,
        r.warmup_inbox_7d::bigint as warmup_inbox_7d,
        r.test_placed_7d,
        r.test_inbox_7d,
        r.test_spam_7d,
        rate_of(r.test_inbox_7d, r.test_placed_7d) as test_inbox_rate_7d,
        wilson_low(r.test_inbox_7d, r.test_placed_7d) as test_inbox_rate_7d_low,
        wilson_high(r.test_inbox_7d, r.test_placed_7d) as test_inbox_rate_7d_high,
        r.verified_at
    from rolling as r
    left join health as h on r.workspace_id = h.workspace_id and r.domain = h.domain and r.date = h.date
)

select * from joined
order by workspace_name, date desc, domain, workspace_id

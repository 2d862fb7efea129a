-- one row per sending account that is listed now
-- Windows end on the day the workspace was last read (`as_of`), not today.
with accounts as (
    select a.*, w.as_of::date as as_of_date from marts.dim_account as a
    left join marts.dim_workspace as w on a.workspace_id = w.workspace_id
    where a.is_listed
),

days as (
    select
        a.workspace_id,
        a.email,
        d.* exclude (workspace_id, email),
        d.date > a.as_of_date - 7 as is_last_7
    from accounts as a
    inner join intermediate.int_account_day as d on a.workspace_id = d.workspace_id and a.email = d.email
    where d.date > a.as_of_date - 30
),

sends as (
    select
        workspace_id,
        email,
        whole_sum(sent)::bigint as sent_30d,
        whole_sum(bounced)::bigint as bounced_30d,
        whole_sum(unique_replies)::bigint as replies_30d,
        whole_sum(if(is_last_7, sent, 0))::bigint as sent_7d,
        whole_sum(if(is_last_7 and sent > 0, daily_limit, 0))::bigint as limit_7d,
        max(date) filter (where sent > 0) as last_sent_on
    from days
    where has_send_figures(sent, bounced, contacted, replies)
    group by workspace_id, email
),

warmup as (
    select
        workspace_id,
        email,
        sum(warmup_sent)::bigint as warmup_sent_7d,
        sum(warmup_inbox)::bigint as warmup_inbox_7d,
        sum(warmup_spam)::bigint as warmup_spam_7d
    from days
    where is_last_7
    group by workspace_id, email
),

-- accounts without a row in these days sent nothing
recent as (
    select
        a.workspace_id,
        a.email,
        figure_of_day(d.email is not null, d.sent_7d)::bigint as sent_7d,
        figure_of_day(d.email is not null, d.limit_7d)::bigint as limit_7d,
        figure_of_day(d.email is not null, d.sent_30d)::bigint as sent_30d,
        figure_of_day(d.email is not null, d.bounced_30d)::bigint as bounced_30d,
        figure_of_day(d.email is not null, d.replies_30d)::bigint as replies_30d,
        d.last_sent_on
    from accounts as a
    inner join intermediate.int_workspace_streams as s on a.workspace_id = s.workspace_id and s.has_sends
    left join sends as d on a.workspace_id = d.workspace_id and a.email = d.email
),

score_before as (
    select
        a.workspace_id,
        a.email,
        arg_max(h.stat_warmup_score, h._valid_from) as score_7d_ago
    from accounts as a
    inner join history.accounts as h
        on a.workspace_id = h.workspace_id and a.email = lower(h.email)
    where h._op = 'upsert' and h._valid_from at time zone 'UTC' <= a.as_of_date::timestamp - interval 7 day
    group by a.workspace_id, a.email
),

rates as (
    select
        a.*,
        r.* exclude (workspace_id, email),
        u.* exclude (workspace_id, email),
        a.stat_warmup_score - s.score_7d_ago as warmup_score_change_7d,
        rate_of(r.bounced_30d, r.sent_30d) as bounce_rate,
        wilson_low(r.bounced_30d, r.sent_30d) as bounce_rate_low,
        wilson_high(r.bounced_30d, r.sent_30d) as bounce_rate_high,
        rate_of(r.replies_30d, r.sent_30d) as replies_per_sent_30d,
        rate_of(u.warmup_inbox_7d, u.warmup_sent_7d) as warmup_inbox_rate,
        wilson_low(u.warmup_inbox_7d, u.warmup_sent_7d) as warmup_inbox_rate_low,
        wilson_high(u.warmup_inbox_7d, u.warmup_sent_7d) as warmup_inbox_rate_high,
        rate_of(r.sent_7d, r.limit_7d) as utilisation_rate
    from accounts as a
    left join recent as r on a.workspace_id = r.workspace_id and a.email = r.email
    left join warmup as u on a.workspace_id = u.workspace_id and a.email = u.email
    left join score_before as s on a.workspace_id = s.workspace_id and a.email = s.email
),

judged as (
    select
        r.workspace_id,
        r.email,
        named_share(t.title, v.x, v.n) as metric,
        traffic_light(v.x, v.n, t.bad_when, t.warning, t.critical) as light
    from rates as r
    cross join seeds.thresholds as t
    inner join lateral (
        select
            case t.metric when 'bounce_rate' then r.bounced_30d when 'warmup_inbox_rate' then r.warmup_inbox_7d end
                as x,
            case t.metric when 'bounce_rate' then r.sent_30d when 'warmup_inbox_rate' then r.warmup_sent_7d end as n
    ) as v on true
    where t.entity = 'sender' and t.metric in ('bounce_rate', 'warmup_inbox_rate')
    union all
    select
        r.workspace_id,
        r.email,
        t.title || ' ' || printf('%.0f', r.stat_warmup_score),
        plain_light(r.stat_warmup_score, t.bad_when, t.warning, t.critical)
    from rates as r
    cross join seeds.thresholds as t
    where t.entity = 'sender' and t.metric = 'warmup_score'
    union all
    select workspace_id, email, 'status: ' || status_label, 'red' from rates where status < 0
    union all
    select workspace_id, email, 'warmup: ' || warmup_status_label, 'red' from rates where warmup_status < 0
),

health as (
    select
        workspace_id,
        email,
        worst_light(light) as health,
        light_reasons(metric, light) as reason
    from judged
    group by workspace_id, email
),

joined as (
    select
        r.workspace_id,
        r.workspace_name,
        r.email,
        r.domain,
        r.status,
        r.status_label,
        r.warmup_status,
        r.warmup_status_label,
        r.provider_code_label,
        coalesce(h.health, 'grey') as health,
        health_reason(h.health, h.reason) as health_reason,
        r.sent_7d,
        r.sent_30d,
        r.bounced_30d,
        r.replies_30d,
        r.bounce_rate,
        r.bounce_rate_low,
        r.bounce_rate_high,
        r.replies_per_sent_30d,
        r.stat_warmup_score,
        r.warmup_score_change_7d,
        r.warmup_sent_7d,
        r.warmup_inbox_7d,
        r.warmup_spam_7d,
        r.warmup_inbox_rate,
        r.warmup_inbox_rate_low,
        r.warmup_inbox_rate_high,
        r.daily_limit,
        r.limit_7d,
        r.utilisation_rate,
        r.last_sent_on,
        r.as_of_date,
        r.verified_at
    from rates as r
    left join health as h on r.workspace_id = h.workspace_id and r.email = h.email
)

select * from joined
order by
    workspace_name,
    case health when 'red' then 1 when 'amber' then 2 when 'green' then 3 else 4 end,
    email,
    workspace_id

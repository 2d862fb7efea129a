-- one row per sending account that is listed now
-- Windows end on the day the workspace was last read (`as_of`), not today. What is not known about the warmup of an
-- account does not count against it.
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
        whole_sum(unique_replies)::bigint as daily_unique_replies_sum_30d,
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
        figure_of_day(d.email is not null, d.daily_unique_replies_sum_30d)::bigint as daily_unique_replies_sum_30d,
        d.last_sent_on
    from accounts as a
    inner join intermediate.int_workspace_streams as s on a.workspace_id = s.workspace_id and s.has_sends
    left join sends as d on a.workspace_id = d.workspace_id and a.email = d.email
),

first_warmup as (
    select
        workspace_id,
        email,
        min(date) filter (where warmup_sent > 0) as date
    from intermediate.int_account_day
    group by workspace_id, email
),

senders as (
    select
        workspace_id,
        bool_and(has_known_senders) as are_known
    from intermediate.int_active_campaign
    group by workspace_id
),

active as (
    select
        s.workspace_id,
        s.email,
        count(*) as campaigns
    from intermediate.int_campaign_sender as s
    inner join intermediate.int_active_campaign as c
        on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
    group by s.workspace_id, s.email
),

rules as (
    select
        rule_value(rule, value, 'min_days_warming') as min_days,
        rule_value(rule, value, 'min_warmup_score') as min_score
    from seeds.rules
    where mart = 'rpt_sender_health'
),

used as (
    select
        a.workspace_id,
        a.email,
        coalesce(a.timestamp_warmup_start::date, w.date) as warmup_started_on,
        case when a.as_of_date - warmup_started_on is not null then greatest(a.as_of_date - warmup_started_on, 0) end
            as days_warming,
        case when p.has_campaigns and coalesce(k.are_known, true) then coalesce(c.campaigns, 0) end as active_campaigns
    from accounts as a
    left join intermediate.int_workspace_streams as p on a.workspace_id = p.workspace_id
    left join first_warmup as w on a.workspace_id = w.workspace_id and a.email = w.email
    left join senders as k on a.workspace_id = k.workspace_id
    left join active as c on a.workspace_id = c.workspace_id and a.email = c.email
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
        g.warmup_started_on,
        g.days_warming,
        g.active_campaigns,
        a.stat_warmup_score - s.score_7d_ago as warmup_score_change_7d,
        rate_of(r.bounced_30d, r.sent_30d) as bounce_rate,
        wilson_low(r.bounced_30d, r.sent_30d) as bounce_rate_low,
        wilson_high(r.bounced_30d, r.sent_30d) as bounce_rate_high,
        rate_of(r.daily_unique_replies_sum_30d, r.sent_30d) as replies_per_sent_30d,
        rate_of(u.warmup_inbox_7d, u.warmup_sent_7d) as warmup_inbox_rate,
        wilson_low(u.warmup_inbox_7d, u.warmup_sent_7d) as warmup_inbox_rate_low,
        wilson_high(u.warmup_inbox_7d, u.warmup_sent_7d) as warmup_inbox_rate_high,
        rate_of(r.sent_7d, r.limit_7d) as utilisation_rate
    from accounts as a
    left join recent as r on a.workspace_id = r.workspace_id and a.email = r.email
    left join warmup as u on a.workspace_id = u.workspace_id and a.email = u.email
    left join used as g on a.workspace_id = g.workspace_id and a.email = g.email
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
    union all
    select workspace_id, entity_id, reason, 'amber' from intermediate.int_sender_turn where entity = 'account'
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

lit as (
    select
        r.*,
        l.min_days,
        l.min_score,
        coalesce(h.health, 'grey') as health,
        health_reason(h.health, h.reason) as health_reason,
        r.days_warming >= l.min_days as is_warmed_long,
        -- it has sent, or serves an active campaign and what it sent is not known
        coalesce(r.active_campaigns > 0 and r.sent_30d > 0, r.active_campaigns > 0, r.sent_30d > 0) as is_in_use,
        r.warmup_status = 1 and r.days_warming >= l.min_days and r.stat_warmup_score >= l.min_score as is_warmed_up
    from rates as r
    cross join rules as l
    left join health as h on r.workspace_id = h.workspace_id and r.email = h.email
),

placed as (
    select
        *,
        case
            when status is null then 'not known'
            when status < 0 then 'reconnect'
            when status <> 1 then 'paused'
            when setup_pending then 'setting up'
            when not is_warmed_long then if(warmup_status <> 1, 'not warming', 'warming')
            when is_in_use then 'in use'
            when is_warmed_up and active_campaigns > 0 then 'ready'
            when is_warmed_up then 'idle'
            when warmup_status <> 1 then 'not warming'
            when not is_warmed_up then 'warming'
            else 'not known'
        end as readiness,
        if(warmup_status >= 0 and warmup_status <> 1, 'its warmup is ' || warmup_status_label, null) as warmup_reason,
        status = 1 and not coalesce(setup_pending, false) and health <> 'red' and coalesce(is_warmed_long, true)
        and coalesce(is_in_use or is_warmed_up, true) as is_ready
    from lit
),

decided as (
    select
        *,
        case
            when status is null then null
            when status < 0 then 'reconnect'
            when status <> 1 or setup_pending then 'leave'
            when health = 'red' and (sent_30d > 0 or active_campaigns > 0 or warmup_status < 0) then 'rest'
            when readiness in ('warming', 'not warming') or health = 'red' or warmup_status <> 1 then 'warm up'
            when readiness in ('idle', 'ready') then if(health = 'amber', 'warm up', 'use')
            else 'leave'
        end as act
    from placed
),

explained as (
    select
        *,
        case
            when status is null then 'its state is not known'
            when act = 'reconnect' or status <> 1 then status_label
            when setup_pending then 'still being set up'
            when act = 'rest' then concat_ws('; ', health_reason, warmup_reason)
            when act = 'use' and active_campaigns > 0
                then printf('ready, sent nothing in 30 days; active campaigns: %d', active_campaigns)
            when act = 'use' then 'ready, serves no active campaign'
            when act = 'warm up'
                then concat_ws(
                    '; ',
                    warmup_reason,
                    if(not is_warmed_long, printf('%d of %d days of warmup', days_warming, min_days::bigint), null),
                    if(health in ('red', 'amber'), health_reason, null),
                    if(
                        health not in ('red', 'amber') and stat_warmup_score < min_score,
                        printf('warmup score %.0f, ready from %.0f', stat_warmup_score, min_score), null
                    ),
                    if(sent_30d > 0, printf('sent %d in 30 days', sent_30d), null)
                )
            when readiness = 'not known' then 'not known: its warmup, or the campaigns that it serves'
            else health_reason
        end as act_reason
    from decided
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
        r.health,
        r.health_reason,
        r.act,
        r.act_reason,
        r.readiness,
        r.is_ready,
        r.active_campaigns,
        r.sent_7d,
        r.sent_30d,
        r.bounced_30d,
        r.daily_unique_replies_sum_30d,
        r.daily_unique_replies_sum_30d as replies_30d,
        r.bounce_rate,
        r.bounce_rate_low,
        r.bounce_rate_high,
        r.replies_per_sent_30d,
        r.warmup_started_on,
        r.days_warming,
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
    from explained as r
)

select * from joined
order by
    workspace_name,
    case health when 'red' then 1 when 'amber' then 2 when 'green' then 3 else 4 end,
    email,
    workspace_id

-- one row per listed sending account and each of the next 14 days: what its limit can be used for, and its follow-ups
-- The first day is the day after the workspace was last read; overdue follow-ups fall on it.
with accounts as (
    select
        h.workspace_id,
        h.email,
        h.domain,
        h.status,
        h.status_label,
        h.health,
        h.is_ready,
        h.active_campaigns,
        case when h.daily_limit < 0 then 0 else h.daily_limit end as daily_limit,
        -- what it can send at all, to leads it has written to before
        case when h.status = 1 then daily_limit when h.status is not null then 0 end as sending_limit,
        h.as_of_date
    from marts.rpt_sender_health as h
    where h.as_of_date is not null
),

recent as (
    select
        a.workspace_id,
        a.email,
        sum(d.sent)::bigint as sent_7d,
        list(d.date order by d.date) filter (where d.sent > 0) as sending_dates_7d
    from accounts as a
    inner join intermediate.int_account_day as d on a.workspace_id = d.workspace_id and a.email = d.email
    where d.date between a.as_of_date - 7 and a.as_of_date - 1
    group by a.workspace_id, a.email
),

due as (
    select
        workspace_id,
        email,
        date,
        sum(follow_ups)::bigint as follow_ups,
        coalesce(sum(follow_ups) filter (where subsequence_id is not null), 0)::bigint as subsequence_follow_ups
    from intermediate.int_follow_up
    group by workspace_id, email, date
),

-- accounts with follow-ups that cannot be counted: they send, or may send, for a campaign whose leads show no mailbox
uncountable as (
    select
        a.workspace_id,
        a.email
    from accounts as a
    inner join intermediate.int_active_campaign as c on a.workspace_id = c.workspace_id and c.has_no_mailboxes
    left join intermediate.int_campaign_sender as s
        on c.workspace_id = s.workspace_id and c.campaign_id = s.campaign_id and a.email = s.email
    group by a.workspace_id, a.email
    having bool_or(s.email is not null or not c.has_known_senders)
),

-- campaigns that an account sends for, by day
scheduled as (
    select
        s.workspace_id,
        s.email,
        d.date,
        count(*) as campaigns
    from intermediate.int_campaign_sender as s
    inner join intermediate.int_campaign_sending_day as d
        on s.workspace_id = d.workspace_id and s.campaign_id = d.campaign_id
    group by s.workspace_id, s.email, d.date
),

account_days as (
    select
        a.workspace_id,
        a.email,
        a.domain,
        a.status_label,
        d.date,
        a.daily_limit,
        a.sending_limit,
        coalesce(r.sent_7d, 0) as sent_7d,
        coalesce(r.sending_dates_7d, []) as sending_dates_7d,
        case
            when p.has_leads and p.has_campaigns and coalesce(t.has_contacts, true) and u.email is null
                then coalesce(f.follow_ups, 0)
        end as follow_ups_due,
        case when follow_ups_due is not null and p.has_subsequences then coalesce(f.subsequence_follow_ups, 0) end
            as subsequence_follow_ups_due,
        case when a.active_campaigns is not null then coalesce(s.campaigns, 0) end as campaigns_scheduled,
        case
            when a.status < 0 then 'in error'
            when a.status <> 1 then 'paused'
            when a.health = 'red' then 'red'
            when not a.is_ready then 'not ready'
            when a.active_campaigns = 0 then 'no active campaign'
            when campaigns_scheduled = 0 then 'no sending day'
            when a.status is null or campaigns_scheduled is null then 'not known'
        end as unusable_because,
        case
            when unusable_because is null then a.daily_limit
            when unusable_because <> 'not known' then 0
        end as usable_limit,
        case
            when usable_limit = 0 then 0
            when usable_limit - follow_ups_due is not null then greatest(usable_limit - follow_ups_due, 0)
        end as headroom
    from accounts as a
    cross join lateral (select unnest(range(1, 15))::integer + a.as_of_date as date) as d
    left join recent as r on a.workspace_id = r.workspace_id and a.email = r.email
    left join due as f on a.workspace_id = f.workspace_id and a.email = f.email and d.date = f.date
    left join scheduled as s on a.workspace_id = s.workspace_id and a.email = s.email and d.date = s.date
    left join intermediate.int_workspace_streams as p on a.workspace_id = p.workspace_id
    left join intermediate.int_workspace_contacts as t on a.workspace_id = t.workspace_id
    left join uncountable as u on a.workspace_id = u.workspace_id and a.email = u.email
)

select * from account_days

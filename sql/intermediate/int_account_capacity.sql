-- one row per listed sending account and each of the next 14 days: its limit and its planned follow-ups
-- The first day is the day after the workspace was last read; overdue follow-ups fall on it.
with accounts as (
    select
        a.workspace_id,
        a.email,
        a.domain,
        a.status_label,
        case when a.status = 1 then a.daily_limit when a.status is not null then 0 end as daily_limit,
        w.as_of::date as as_of_date
    from marts.dim_account as a
    inner join marts.dim_workspace as w on a.workspace_id = w.workspace_id
    where a.is_listed
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

senders as (
    select
        workspace_id,
        bool_and(has_known_senders) as are_known
    from intermediate.int_active_campaign
    group by workspace_id
),

-- campaigns that an account sends for, by weekday
scheduled as (
    select
        s.workspace_id,
        s.email,
        d.weekday,
        count(*) as campaigns
    from intermediate.int_campaign_sender as s
    inner join intermediate.int_active_campaign as c
        on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
    cross join lateral (select unnest(c.sending_days) as weekday) as d
    group by s.workspace_id, s.email, d.weekday
),

account_days as (
    select
        a.workspace_id,
        a.email,
        a.domain,
        a.status_label,
        d.date,
        a.daily_limit,
        coalesce(r.sent_7d, 0) as sent_7d,
        coalesce(r.sending_dates_7d, []) as sending_dates_7d,
        case
            when p.has_leads and p.has_campaigns and coalesce(t.has_contacts, true) and u.email is null
                then coalesce(f.follow_ups, 0)
        end as follow_ups_due,
        case when follow_ups_due is not null and p.has_subsequences then coalesce(f.subsequence_follow_ups, 0) end
            as subsequence_follow_ups_due,
        case when p.has_campaigns and coalesce(k.are_known, true) then coalesce(s.campaigns, 0) end
            as campaigns_scheduled
    from accounts as a
    cross join lateral (select unnest(range(1, 15))::integer + a.as_of_date as date) as d
    left join recent as r on a.workspace_id = r.workspace_id and a.email = r.email
    left join due as f on a.workspace_id = f.workspace_id and a.email = f.email and d.date = f.date
    left join scheduled as s
        on a.workspace_id = s.workspace_id and a.email = s.email and dayofweek(d.date) = s.weekday
    left join intermediate.int_workspace_streams as p on a.workspace_id = p.workspace_id
    left join intermediate.int_workspace_contacts as t on a.workspace_id = t.workspace_id
    left join uncountable as u on a.workspace_id = u.workspace_id and a.email = u.email
    left join senders as k on a.workspace_id = k.workspace_id
)

select * from account_days

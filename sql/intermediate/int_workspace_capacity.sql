-- one row per workspace with listed accounts and each of the next 14 days: their limits and planned follow-ups
with days as (
    select
        workspace_id,
        date,
        whole_sum(daily_limit)::bigint as daily_limit,
        sum(sent_7d)::bigint as sent_7d,
        len(list_distinct(flatten(list(sending_dates_7d)))) as days_sending_7d
    from intermediate.int_account_capacity
    group by workspace_id, date
),

-- follow-ups of a deleted account count for the workspace: another account has to send them
due as (
    select
        workspace_id,
        date,
        sum(follow_ups)::bigint as follow_ups,
        coalesce(sum(follow_ups) filter (where subsequence_id is not null), 0)::bigint as subsequence_follow_ups
    from intermediate.int_follow_up
    group by workspace_id, date
),

places as (
    select
        workspace_id,
        bool_or(has_no_steps) as has_no_steps
    from intermediate.int_active_campaign
    group by workspace_id
),

scheduled as (
    select
        c.workspace_id,
        d.weekday,
        count(*) as campaigns
    from intermediate.int_active_campaign as c
    cross join lateral (select unnest(c.sending_days) as weekday) as d
    group by c.workspace_id, d.weekday
),

workspace_days as (
    select
        a.workspace_id,
        a.date,
        a.daily_limit,
        a.sent_7d,
        a.days_sending_7d,
        case
            when
                p.has_leads and p.has_campaigns and coalesce(t.has_contacts, true)
                and not coalesce(u.has_no_steps, false)
                then coalesce(f.follow_ups, 0)
        end as follow_ups_due,
        case when follow_ups_due is not null and p.has_subsequences then coalesce(f.subsequence_follow_ups, 0) end
            as subsequence_follow_ups_due,
        case when p.has_campaigns then coalesce(c.campaigns, 0) end as campaigns_scheduled
    from days as a
    left join due as f on a.workspace_id = f.workspace_id and a.date = f.date
    left join scheduled as c on a.workspace_id = c.workspace_id and dayofweek(a.date) = c.weekday
    left join intermediate.int_workspace_streams as p on a.workspace_id = p.workspace_id
    left join intermediate.int_workspace_contacts as t on a.workspace_id = t.workspace_id
    left join places as u on a.workspace_id = u.workspace_id
)

select * from workspace_days

-- one row per workspace with listed accounts and each of the next 14 days: what of their limits can be used, and for what
-- The room of an account counts in full if one of its campaigns of the day has no limit of its own, or one with room for
-- all that its accounts have left. That of the others counts up to what the limits of their campaigns leave.
with days as (
    select
        workspace_id,
        date,
        count(*) as mailboxes,
        count(*) filter (where unusable_because is null) as mailboxes_usable,
        whole_sum(daily_limit)::bigint as daily_limit,
        whole_sum(sending_limit)::bigint as sending_limit,
        whole_sum(usable_limit)::bigint as usable_limit,
        whole_sum(if(unusable_because = 'in error', daily_limit, 0))::bigint as limit_in_error,
        whole_sum(if(unusable_because = 'paused', daily_limit, 0))::bigint as limit_paused,
        whole_sum(if(unusable_because = 'red', daily_limit, 0))::bigint as limit_red,
        whole_sum(if(unusable_because = 'not ready', daily_limit, 0))::bigint as limit_not_ready,
        whole_sum(if(unusable_because = 'no active campaign', daily_limit, 0))::bigint as limit_without_campaign,
        whole_sum(if(unusable_because = 'no sending day', daily_limit, 0))::bigint as limit_without_sending_day,
        whole_sum(headroom)::bigint as headroom_of_mailboxes,
        sum(sent_7d)::bigint as sent_7d,
        len(list_distinct(flatten(list(sending_dates_7d)))) as days_sending_7d
    from intermediate.int_account_capacity
    group by workspace_id, date
),

pairs as (
    select
        a.workspace_id,
        a.date,
        a.email,
        a.headroom,
        d.campaign_id,
        d.room,
        coalesce(d.room >= sum(a.headroom) over (partition by a.workspace_id, a.date, d.campaign_id), true)
            as has_room_for_all
    from intermediate.int_account_capacity as a
    inner join intermediate.int_campaign_sender as s on a.workspace_id = s.workspace_id and a.email = s.email
    inner join intermediate.int_campaign_sending_day as d
        on s.workspace_id = d.workspace_id and s.campaign_id = d.campaign_id and a.date = d.date
    where a.headroom > 0
),

bound_pairs as (
    select * from pairs
    qualify not bool_or(has_room_for_all) over (partition by workspace_id, date, email)
),

bound_mailboxes as (
    select distinct
        workspace_id,
        date,
        email,
        headroom
    from bound_pairs
),

bound_headroom as (
    select
        workspace_id,
        date,
        sum(headroom) as headroom
    from bound_mailboxes
    group by workspace_id, date
),

bound_campaigns as (
    select
        workspace_id,
        date,
        campaign_id,
        least(any_value(room), sum(headroom)) as room
    from bound_pairs
    group by workspace_id, date, campaign_id
),

bound_room as (
    select
        workspace_id,
        date,
        sum(room) as room
    from bound_campaigns
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
        workspace_id,
        date,
        count(*) as campaigns
    from intermediate.int_campaign_sending_day
    group by workspace_id, date
),

workspace_days as (
    select
        a.*,
        case
            when
                p.has_leads and p.has_campaigns and coalesce(t.has_contacts, true)
                and not coalesce(u.has_no_steps, false)
                then coalesce(f.follow_ups, 0)
        end as follow_ups_due,
        case when follow_ups_due is not null and p.has_subsequences then coalesce(f.subsequence_follow_ups, 0) end
            as subsequence_follow_ups_due,
        case when p.has_campaigns then coalesce(c.campaigns, 0) end as campaigns_scheduled,
        case
            when follow_ups_due is not null or a.headroom_of_mailboxes = 0
                then a.headroom_of_mailboxes - greatest(b.headroom - g.room, 0) -- `greatest` passes over what is null
        end::bigint as headroom
    from days as a
    left join bound_headroom as b on a.workspace_id = b.workspace_id and a.date = b.date
    left join bound_room as g on a.workspace_id = g.workspace_id and a.date = g.date
    left join due as f on a.workspace_id = f.workspace_id and a.date = f.date
    left join scheduled as c on a.workspace_id = c.workspace_id and a.date = c.date
    left join intermediate.int_workspace_streams as p on a.workspace_id = p.workspace_id
    left join intermediate.int_workspace_contacts as t on a.workspace_id = t.workspace_id
    left join places as u on a.workspace_id = u.workspace_id
)

select * from workspace_days

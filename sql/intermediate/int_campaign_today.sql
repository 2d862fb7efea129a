-- one row per listed campaign: the day it is now in its own time zone, and whether it may still send on it
-- Its zone is that of its first schedule. It may still send while the hours of one of its schedules for this day are not
-- over, each in its own zone (UTC if that is unknown), and while Instantly does not say that it is done for today.
with campaigns as (
    select
        c.workspace_id,
        c.id as campaign_id,
        coalesce(c.not_sending_status in (3, 4), false) as is_done, -- its own daily limit, or those of all its accounts
        case when json_valid(c.campaign_schedule) then c.campaign_schedule -> '$.schedules[*]' end as schedules,
        k.as_of at time zone 'UTC' as as_of,
        (k.as_of at time zone 'UTC') at time zone coalesce(z.time_zone, 'UTC') as local_now,
        s.sending_days,
        s.starts_on,
        s.ends_on
    from staging.stg_campaigns as c
    inner join intermediate.int_workspace_clock as k on c.workspace_id = k.workspace_id
    inner join intermediate.int_campaign_schedule as s on c.workspace_id = s.workspace_id and c.id = s.sequence_id
    left join intermediate.int_campaign_zone as z on c.workspace_id = z.workspace_id and c.id = z.campaign_id
    where not c.is_deleted
),

windows as (
    select
        workspace_id,
        campaign_id,
        as_of,
        local_now::date as today,
        unnest(schedules) as schedule
    from campaigns
),

timed as (
    select
        w.workspace_id,
        w.campaign_id,
        w.as_of,
        w.today,
        coalesce(k.name, 'UTC') as time_zone,
        try_cast(w.schedule ->> '$.timing.from' as time) as from_hour,
        try_cast(w.schedule ->> '$.timing.to' as time) as to_hour,
        not list_contains(w.schedule ->> '$.days.*', 'true')
        or coalesce((w.schedule ->> ('$.days."' || dayofweek(w.today) || '"')) = 'true', false)
        or coalesce((w.schedule ->> ('$.days.' || lower(dayname(w.today)))) = 'true', false) as is_of_this_day
    from windows as w
    left join pg_timezone_names() as k on (w.schedule ->> '$.timezone') = k.name
),

-- hours that end before they begin go on until midnight at least
closing as (
    select
        workspace_id,
        campaign_id,
        as_of,
        case when to_hour > from_hour then today + to_hour else today + interval 1 day end at time zone time_zone
            as closes_at,
        is_of_this_day
    from timed
),

open as (
    select
        workspace_id,
        campaign_id,
        bool_or(is_of_this_day and closes_at > as_of) as is_open
    from closing
    group by workspace_id, campaign_id
),

joined as (
    select
        c.workspace_id,
        c.campaign_id,
        c.local_now::date as today,
        not c.is_done
        and list_contains(c.sending_days, dayofweek(today))
        and coalesce(today >= c.starts_on, true)
        and coalesce(today <= c.ends_on, true)
        and coalesce(o.is_open, true) as is_open_today
    from campaigns as c
    left join open as o on c.workspace_id = o.workspace_id and c.campaign_id = o.campaign_id
)

select * from joined

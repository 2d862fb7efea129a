-- one row per sequence with a schedule: its weekdays (0 = Sunday), every day if none is set, and its first and last day
-- A subsequence without a schedule has that of its campaign, and always its first and last day: it has none of its own.
-- Weekdays are numbers; in an older format they are names. Several schedules send on the days of each.
with campaigns as (
    select
        workspace_id,
        id,
        case when json_valid(campaign_schedule) then campaign_schedule end as schedule
    from staging.stg_campaigns
),

sequences as (
    select
        workspace_id,
        id as sequence_id,
        schedule,
        schedule as dates
    from campaigns
    union all
    select
        s.workspace_id,
        s.id,
        case when json_valid(s.subsequence_schedule) then s.subsequence_schedule else c.schedule end,
        c.schedule
    from staging.stg_subsequences as s
    left join campaigns as c on s.workspace_id = c.workspace_id and s.parent_campaign = c.id
),

days as (
    select
        workspace_id,
        sequence_id,
        [d for d in [
            if(is_on(schedule ->> '$.schedules[*].days."0"', schedule ->> '$.schedules[*].days.sunday'), 0, null),
            if(is_on(schedule ->> '$.schedules[*].days."1"', schedule ->> '$.schedules[*].days.monday'), 1, null),
            if(is_on(schedule ->> '$.schedules[*].days."2"', schedule ->> '$.schedules[*].days.tuesday'), 2, null),
            if(is_on(schedule ->> '$.schedules[*].days."3"', schedule ->> '$.schedules[*].days.wednesday'), 3, null),
            if(is_on(schedule ->> '$.schedules[*].days."4"', schedule ->> '$.schedules[*].days.thursday'), 4, null),
            if(is_on(schedule ->> '$.schedules[*].days."5"', schedule ->> '$.schedules[*].days.friday'), 5, null),
            if(is_on(schedule ->> '$.schedules[*].days."6"', schedule ->> '$.schedules[*].days.saturday'), 6, null)
        ] if d is not null] as named,
        -- an empty text is no date; live answers have full timestamps, too
        try_cast(left(dates ->> '$.start_date', 10) as date) as starts_on,
        try_cast(left(dates ->> '$.end_date', 10) as date) as ends_on
    from sequences
),

filled as (
    select
        workspace_id,
        sequence_id,
        case when len(named) > 0 then named else [0, 1, 2, 3, 4, 5, 6] end as sending_days,
        starts_on,
        ends_on
    from days
)

select * from filled

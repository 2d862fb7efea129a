-- one row per campaign with a schedule: the weekdays it sends on (0 = Sunday), every day if none is set
-- Weekdays are numbers; in an older format they are names.
with campaigns as (
    select
        workspace_id,
        id as campaign_id,
        case when json_valid(campaign_schedule) then campaign_schedule end as schedule
    from staging.stg_campaigns
),

days as (
    select
        workspace_id,
        campaign_id,
        [d for d in [
            if(is_on(schedule ->> '$.schedules[*].days."0"', schedule ->> '$.schedules[*].days.sunday'), 0, null),
            if(is_on(schedule ->> '$.schedules[*].days."1"', schedule ->> '$.schedules[*].days.monday'), 1, null),
            if(is_on(schedule ->> '$.schedules[*].days."2"', schedule ->> '$.schedules[*].days.tuesday'), 2, null),
            if(is_on(schedule ->> '$.schedules[*].days."3"', schedule ->> '$.schedules[*].days.wednesday'), 3, null),
            if(is_on(schedule ->> '$.schedules[*].days."4"', schedule ->> '$.schedules[*].days.thursday'), 4, null),
            if(is_on(schedule ->> '$.schedules[*].days."5"', schedule ->> '$.schedules[*].days.friday'), 5, null),
            if(is_on(schedule ->> '$.schedules[*].days."6"', schedule ->> '$.schedules[*].days.saturday'), 6, null)
        ] if d is not null] as named
    from campaigns
),

filled as (
    select
        workspace_id,
        campaign_id,
        case when len(named) > 0 then named else [0, 1, 2, 3, 4, 5, 6] end as sending_days
    from days
)

select * from filled

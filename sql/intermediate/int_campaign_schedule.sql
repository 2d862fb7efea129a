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
            case when is_on(schedule ->> '$.schedules[*].days."0"', schedule ->> '$.schedules[*].days.sunday') then 0 end,
            case when is_on(schedule ->> '$.schedules[*].days."1"', schedule ->> '$.schedules[*].days.monday') then 1 end,
            case when is_on(schedule ->> '$.schedules[*].days."2"', schedule ->> '$.schedules[*].days.tuesday') then 2 end,
            case when is_on(schedule ->> '$.schedules[*].days."3"', schedule ->> '$.schedules[*].days.wednesday') then 3 end,
            case when is_on(schedule ->> '$.schedules[*].days."4"', schedule ->> '$.schedules[*].days.thursday') then 4 end,
            case when is_on(schedule ->> '$.schedules[*].days."5"', schedule ->> '$.schedules[*].days.friday') then 5 end,
            case when is_on(schedule ->> '$.schedules[*].days."6"', schedule ->> '$.schedules[*].days.saturday') then 6 end
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

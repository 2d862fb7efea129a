-- one row per campaign with a schedule: the weekdays it sends on (0 = Sunday), all days where none is named
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
            case when list_contains(schedule ->> '$.schedules[*].days."0"', 'true') then 0 end,
            case when list_contains(schedule ->> '$.schedules[*].days."1"', 'true') then 1 end,
            case when list_contains(schedule ->> '$.schedules[*].days."2"', 'true') then 2 end,
            case when list_contains(schedule ->> '$.schedules[*].days."3"', 'true') then 3 end,
            case when list_contains(schedule ->> '$.schedules[*].days."4"', 'true') then 4 end,
            case when list_contains(schedule ->> '$.schedules[*].days."5"', 'true') then 5 end,
            case when list_contains(schedule ->> '$.schedules[*].days."6"', 'true') then 6 end
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

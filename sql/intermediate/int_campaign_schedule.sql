-- one row per sequence with a schedule: the weekdays it sends on (0 = Sunday), every day if none is set
-- A subsequence without a schedule has that of its campaign.
-- Weekdays are numbers; in an older format they are names.
with sequences as (
    select
        workspace_id,
        id as sequence_id,
        case when json_valid(campaign_schedule) then campaign_schedule end as schedule
    from staging.stg_campaigns
    union all
    select
        s.workspace_id,
        s.id,
        case
            when json_valid(s.subsequence_schedule) then s.subsequence_schedule
            when json_valid(c.campaign_schedule) then c.campaign_schedule
        end
    from staging.stg_subsequences as s
    left join staging.stg_campaigns as c on s.workspace_id = c.workspace_id and s.parent_campaign = c.id
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
        ] if d is not null] as named
    from sequences
),

filled as (
    select
        workspace_id,
        sequence_id,
        case when len(named) > 0 then named else [0, 1, 2, 3, 4, 5, 6] end as sending_days
    from days
)

select * from filled

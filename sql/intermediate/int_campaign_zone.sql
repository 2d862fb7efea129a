-- one row per campaign with a schedule in a time zone that DuckDB knows
with zones as (
    select
        workspace_id,
        id as campaign_id,
        case when json_valid(campaign_schedule) then campaign_schedule ->> '$.schedules[0].timezone' end as time_zone
    from staging.stg_campaigns
),

known as (
    select z.*
    from zones as z
    semi join pg_timezone_names() as k on z.time_zone = k.name
)

select * from known

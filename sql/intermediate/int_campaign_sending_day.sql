-- one row per active campaign and each of the next 14 days on which it sends: what its own limits leave for new leads
-- Days are those of its schedule. `room` is null if it has no limit of its own.
with days as (
    select
        a.workspace_id,
        a.campaign_id,
        d.date,
        c.daily_limit,
        c.daily_max_leads
    from intermediate.int_active_campaign as a
    inner join staging.stg_campaigns as c on a.workspace_id = c.workspace_id and a.campaign_id = c.id
    inner join intermediate.int_campaign_schedule as s
        on a.workspace_id = s.workspace_id and a.campaign_id = s.sequence_id
    inner join intermediate.int_workspace_clock as k on a.workspace_id = k.workspace_id
    cross join lateral (select unnest(range(1, 15))::integer + k.as_of::date as date) as d
    where
        list_contains(s.sending_days, dayofweek(d.date))
        and d.date between coalesce(s.starts_on, d.date) and coalesce(s.ends_on, d.date)
),

due as (
    select
        workspace_id,
        campaign_id,
        date,
        sum(follow_ups)::bigint as follow_ups
    from intermediate.int_follow_up
    group by workspace_id, campaign_id, date
)

select
    d.workspace_id,
    d.campaign_id,
    d.date,
    -- `least` passes over what is null
    least(
        case when d.daily_limit is not null then greatest(d.daily_limit - coalesce(f.follow_ups, 0), 0) end,
        d.daily_max_leads
    ) as room
from days as d
left join due as f on d.workspace_id = f.workspace_id and d.campaign_id = f.campaign_id and d.date = f.date

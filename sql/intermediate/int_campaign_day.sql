-- one row per campaign and day: the figures that reports show, and how often they were restated
with collapsed as (
    select * exclude (stream, step, variant, meetings_booked, won) from intermediate.int_collapsed_day
    where stream = 'daily_analytics'
),

days as (
    select
        d.* exclude (extra, changed_at, deleted_at),
        'as read' as figures_state
    from staging.stg_daily_analytics as d
    anti join collapsed as c on d.workspace_id = c.workspace_id and d._key = c._key
    union all by name
    select
        c.*,
        d.verified_at
    from collapsed as c
    inner join staging.stg_daily_analytics as d on c.workspace_id = d.workspace_id and c._key = d._key
),

versions as (
    select
        workspace_id,
        _key,
        count(*) as versions,
        count(*) filter (
            where _valid_from at time zone 'UTC' >= date::timestamp + interval 2 day
        ) as versions_after_close,
        min(_valid_from) at time zone 'UTC' as first_seen_at,
        arg_min(sent, _valid_from) as sent_first_seen,
        arg_min(unique_opened, _valid_from) as unique_opened_first_seen,
        arg_min(unique_replies, _valid_from) as unique_replies_first_seen
    from history.daily_analytics
    where _op = 'upsert'
    group by workspace_id, _key
),

restated as (
    select
        d.* exclude (_key, is_deleted, first_seen_at),
        d.is_deleted as is_vanished,
        is_open_day(d.date, d.verified_at) as is_partial,
        v.versions - 1 as times_restated,
        v.versions_after_close - (v.first_seen_at >= d.date::timestamp + interval 2 day)::bigint
            as times_restated_after_close,
        v.sent_first_seen,
        v.unique_opened_first_seen,
        v.unique_replies_first_seen,
        v.first_seen_at
    from days as d
    left join versions as v on d.workspace_id = v.workspace_id and d._key = v._key
)

select * from restated

-- one row per account and day with sends or warmup, with the account's settings on that day
with sends as (
    select * from staging.stg_account_daily_analytics
),

warmup as (
    select * from staging.stg_warmup_analytics
),

days as (
    select
        coalesce(s.workspace_id, u.workspace_id) as workspace_id,
        coalesce(s.email, u.email) as email,
        coalesce(s.date, u.date) as date,
        s.* exclude (workspace_id, email, date, extra, is_deleted, first_seen_at, changed_at, verified_at, deleted_at),
        case when u.email is not null then coalesce(u.sent, 0) end as warmup_sent,
        case when u.email is not null then coalesce(u.received, 0) end as warmup_received,
        case when u.email is not null then coalesce(u.landed_inbox, 0) end as warmup_inbox,
        case when u.email is not null then coalesce(u.landed_spam, 0) end as warmup_spam,
        greatest(s.verified_at, u.verified_at) as verified_at
    from sends as s
    full join warmup as u
        on s.workspace_id = u.workspace_id and s.email = u.email and s.date = u.date
),

settings as (
    select
        workspace_id,
        lower(email) as email,
        daily_limit,
        stat_warmup_score,
        _valid_from at time zone 'UTC' as known_since
    from history.accounts
    where _op = 'upsert'
),

first_settings as (
    select
        workspace_id,
        email,
        arg_min(daily_limit, known_since) as daily_limit,
        arg_min(stat_warmup_score, known_since) as stat_warmup_score
    from settings
    group by workspace_id, email
),

-- days before the first sync take the first known settings
settled as (
    select
        d.*,
        case when s.email is not null then s.daily_limit else f.daily_limit end as daily_limit,
        case when s.email is not null then s.stat_warmup_score else f.stat_warmup_score end as stat_warmup_score
    from days as d
    asof left join settings as s
        on
            d.workspace_id = s.workspace_id
            and d.email = s.email
            and d.date::timestamp + interval 1 day > s.known_since
    left join first_settings as f on d.workspace_id = f.workspace_id and d.email = f.email
)

select * from settled

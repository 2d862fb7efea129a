-- one row per day, from the start of the first year with figures to the end of the year after the last
with known as (
    select min(date) as first_date, max(date) as last_date from intermediate.int_campaign_day
    union all
    select min(date), max(date) from intermediate.int_workspace_day
    union all
    select min(date), max(date) from intermediate.int_account_day
    union all
    select min(timestamp_created)::date, max(timestamp_created)::date from staging.stg_leads
    union all
    select min(timestamp_created)::date, max(timestamp_created)::date from staging.stg_campaigns
    union all
    select min(as_of)::date, max(as_of)::date from intermediate.int_workspace_clock
),

-- an impossible date must not give a calendar of a thousand years
reach as (
    select
        date_trunc('year', greatest(min(first_date), max(last_date) - interval 10 year)) as first_date,
        date_trunc('year', max(last_date)) + interval 2 year - interval 1 day as last_date
    from known
    where last_date < date '2200-01-01'
),

days as (
    select unnest(generate_series(first_date::timestamp, last_date::timestamp, interval 1 day))::date as date
    from reach
    where first_date is not null
),

named as (
    select
        date,
        year(date) as year,
        quarter(date) as quarter,
        month(date) as month,
        strftime(date, '%Y-%m') as year_month,
        monthname(date) as month_name,
        isoyear(date) as iso_year,
        weekofyear(date) as iso_week,
        date_trunc('week', date)::date as week_start,
        date_trunc('month', date)::date as month_start,
        isodow(date) as weekday,
        dayname(date) as weekday_name,
        isodow(date) >= 6 as is_weekend
    from days
)

select * from named
order by date

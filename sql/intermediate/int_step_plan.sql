-- one row per campaign and step of its current sequence: days after the first step, null if a delay is unknown
with waits as (
    select
        workspace_id,
        campaign_id,
        try_cast(step as bigint) as step,
        max(delay_days) as delay_days
    from intermediate.int_variant_copy
    where is_current
    group by workspace_id, campaign_id, try_cast(step as bigint)
),

plan as (
    select
        workspace_id,
        campaign_id,
        step,
        case
            when step = 0 then 0
            when count(delay_days) over before = count(*) over before then sum(delay_days) over before
        end as days_from_first
    from waits
    window before as (
        partition by workspace_id, campaign_id order by step rows between unbounded preceding and 1 preceding
    )
)

select * from plan

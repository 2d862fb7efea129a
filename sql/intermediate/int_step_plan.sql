-- one row per sequence and step of its current steps: days after its start and days to the next step
-- A campaign starts with its first step (0). A subsequence starts with step -1, when a lead enters it.
with waits as (
    select
        workspace_id,
        sequence_id,
        try_cast(step as bigint) as step,
        max(delay_days) as delay_days
    from intermediate.int_variant_copy
    where is_current
    group by workspace_id, sequence_id, try_cast(step as bigint)
    union all
    select
        workspace_id,
        sequence_id,
        -1 as step,
        max(pre_delay_days) as delay_days
    from intermediate.int_variant_copy
    where is_current and subsequence_id is not null and step = '0'
    group by workspace_id, sequence_id
),

plan as (
    select
        workspace_id,
        sequence_id,
        step,
        delay_days,
        case when count(delay_days) over before = count(*) over before then coalesce(sum(delay_days) over before, 0) end
            as days_from_start
    from waits
    window before as (
        partition by workspace_id, sequence_id order by step rows between unbounded preceding and 1 preceding
    )
)

select * from plan

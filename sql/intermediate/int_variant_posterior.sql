-- one row per sequence, step and variant that sent: the posterior of its reply rate
-- Subsequences have a prior of their own: they write to leads that have answered or shown interest.
-- The function is in warehouse/models/variant_posterior.py.
with arms as (
    select
        workspace_id,
        sequence_id,
        subsequence_id is not null as is_subsequence,
        step,
        variant,
        sent,
        least(unique_replies, sent) as repliers,
        sequence_id || '/' || step as compared
    from intermediate.int_step_total
    where step is not null and variant is not null and sent > 0 and unique_replies is not null
),

together as (
    select
        workspace_id,
        list(sequence_id order by sequence_id, step, variant) as sequences,
        list(step order by sequence_id, step, variant) as steps,
        list(variant order by sequence_id, step, variant) as variants,
        variant_posteriors(
            list(compared order by sequence_id, step, variant),
            list(sent order by sequence_id, step, variant),
            list(repliers order by sequence_id, step, variant)
        ) as posteriors
    from arms
    group by workspace_id, is_subsequence
),

apart as (
    select
        workspace_id,
        unnest(sequences) as sequence_id,
        unnest(steps) as step,
        unnest(variants) as variant,
        unnest(posteriors) as found
    from together
),

named as (
    select
        workspace_id,
        sequence_id,
        step,
        variant,
        struct_extract(found, 'prior_a') as prior_a,
        struct_extract(found, 'prior_b') as prior_b,
        struct_extract(found, 'posterior_mean') as posterior_mean,
        struct_extract(found, 'posterior_low') as posterior_low,
        struct_extract(found, 'posterior_high') as posterior_high,
        struct_extract(found, 'chance_best') as chance_best,
        struct_extract(found, 'expected_loss') as expected_loss,
        struct_extract(found, 'chance_beaten') as chance_beaten
    from apart
)

select * from named

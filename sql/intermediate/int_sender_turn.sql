-- one row per account or own domain and rate of it that is worse: in 7 days than in the 28 before, or than its neighbours'
with rates as (
    select
        *,
        if(metric = 'bounces', 'bounce rate', 'reply rate') as title
    from intermediate.int_rate_change
    where entity in ('account', 'domain') and metric in ('bounces', 'replies')
),

worse as (
    select
        workspace_id,
        entity,
        entity_id,
        last_date,
        named_share(title, events, sent)
        || printf(' in 7 days, against %.1f %% in the 28 before,', 100 * rate_before) as reason
    from rates
    where verdict = 'worse'
    union all
    select
        workspace_id,
        entity,
        entity_id,
        last_date,
        named_share(title, events_28d, sent_28d)
        || printf(' in 28 days, against %.1f %% of the others,', 100 * rate_neighbours)
            as reason
    from rates
    where verdict_neighbours = 'worse'
)

select * from worse

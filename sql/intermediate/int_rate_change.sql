-- one row per entity (account, domain, campaign, workspace) and metric: the last 7 closed days against the 28 before,
-- and for accounts and domains the last 28 against the others of the workspace
-- Neighbours that are themselves worse than the others are left out, or else one burnt domain would excuse another.
with rules as (
    select
        rule_value(rule, value, 'quantile') as quantile,
        rule_value(rule, value, 'quantile_of_domains') as quantile_of_domains
    from seeds.rules
    where mart = 'rpt_rate_changes'
),

counts as (
    select
        c.*,
        case when c.metric in ('bounces', 'unsubscribes') then 'high' else 'low' end as bad_when,
        r.quantile,
        case when c.entity = 'domain' then r.quantile_of_domains else r.quantile end as quantile_beside
    from intermediate.int_rate_count as c
    cross join rules as r
),

-- of accounts and domains, since the figures of a campaign depend on whom it writes to
beside as (
    select
        *,
        sum(sent_28d) over everyone - sent_28d as sent_of_others,
        sum(events_28d) over everyone - events_28d as events_of_others
    from counts
    where entity in ('account', 'domain') and sent_28d > 0 and events_28d is not null
    window everyone as (partition by workspace_id, entity, metric)
),

sorted as (
    select
        *,
        change_verdict(
            events_28d,
            sent_28d,
            events_of_others,
            sent_of_others,
            newcombe_low(events_28d, sent_28d, events_of_others, sent_of_others, quantile_beside),
            newcombe_high(events_28d, sent_28d, events_of_others, sent_of_others, quantile_beside),
            bad_when
        ) = 'worse' as is_outlier
    from beside
),

neighbours as (
    select
        workspace_id,
        entity,
        entity_id,
        metric,
        (count(*) filter (where not is_outlier) over everyone - if(is_outlier, 0, 1))::bigint as neighbours,
        (sum(if(is_outlier, 0, sent_28d)) over everyone - if(is_outlier, 0, sent_28d))::bigint as sent_neighbours,
        (sum(if(is_outlier, 0, events_28d)) over everyone - if(is_outlier, 0, events_28d))::bigint
            as events_neighbours
    from sorted
    window everyone as (partition by workspace_id, entity, metric)
),

measured as (
    select
        c.*,
        n.neighbours,
        n.sent_neighbours,
        n.events_neighbours,
        newcombe_low(c.events, c.sent, c.events_before, c.sent_before, c.quantile) as difference_low,
        newcombe_high(c.events, c.sent, c.events_before, c.sent_before, c.quantile) as difference_high,
        newcombe_low(c.events_28d, c.sent_28d, n.events_neighbours, n.sent_neighbours, c.quantile_beside)
            as difference_neighbours_low,
        newcombe_high(c.events_28d, c.sent_28d, n.events_neighbours, n.sent_neighbours, c.quantile_beside)
            as difference_neighbours_high
    from counts as c
    left join neighbours as n
        on
            c.workspace_id = n.workspace_id and c.entity = n.entity and c.entity_id = n.entity_id
            and c.metric = n.metric
),

judged as (
    select
        workspace_id,
        entity,
        entity_id,
        metric,
        last_date,
        change_verdict(events, sent, events_before, sent_before, difference_low, difference_high, bad_when) as verdict,
        events,
        sent,
        rate_of(events, sent) as rate,
        wilson_low(events, sent) as rate_low,
        wilson_high(events, sent) as rate_high,
        events_before,
        sent_before,
        rate_of(events_before, sent_before) as rate_before,
        wilson_low(events_before, sent_before) as rate_before_low,
        wilson_high(events_before, sent_before) as rate_before_high,
        rate_of(events, sent) - rate_of(events_before, sent_before) as difference,
        difference_low,
        difference_high,
        share_score(events, nullif(sent, 0), events_before, nullif(sent_before, 0)) as score,
        case
            when neighbours > 0 then change_verdict(
                events_28d, sent_28d, events_neighbours, sent_neighbours, difference_neighbours_low,
                difference_neighbours_high, bad_when
            )
        end as verdict_neighbours,
        neighbours,
        events_28d,
        sent_28d,
        rate_of(events_28d, sent_28d) as rate_28d,
        wilson_low(events_28d, sent_28d) as rate_28d_low,
        wilson_high(events_28d, sent_28d) as rate_28d_high,
        events_neighbours,
        sent_neighbours,
        rate_of(events_neighbours, sent_neighbours) as rate_neighbours,
        wilson_low(events_neighbours, sent_neighbours) as rate_neighbours_low,
        wilson_high(events_neighbours, sent_neighbours) as rate_neighbours_high,
        rate_of(events_28d, sent_28d) - rate_of(events_neighbours, sent_neighbours) as difference_neighbours,
        difference_neighbours_low,
        difference_neighbours_high,
        share_score(events_28d, nullif(sent_28d, 0), events_neighbours, nullif(sent_neighbours, 0))
            as score_neighbours
    from measured
)

select * from judged

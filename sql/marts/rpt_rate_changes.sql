-- one row per entity (workspace, domain, account, campaign) and metric that sent in the last 35 closed days: its rate of
-- the last 7 closed days against the 28 before, and for accounts and domains the last 28 against the others
with changes as (
    select * from intermediate.int_rate_change
),

joined as (
    select
        r.workspace_id,
        w.workspace_name,
        r.entity,
        r.entity_id,
        case r.entity when 'campaign' then c.campaign_name when 'workspace' then w.workspace_name else r.entity_id end
            as entity_name,
        r.metric,
        r.verdict,
        case
            when r.verdict not in ('unknown', 'too small to judge') then printf(
                '%d of %d (%.1f %%) in 7 days after %d of %d (%.1f %%) '
                -- counters that were first read since then count all that was before
                || case
                    when r.entity = 'campaign' and r.metric in ('bounces', 'unsubscribes') then 'before'
                    else 'in the 28 before'
                end,
                r.events, r.sent, 100 * r.rate, r.events_before, r.sent_before, 100 * r.rate_before
            )
        end as verdict_reason,
        r.verdict_neighbours,
        case
            when r.verdict_neighbours not in ('unknown', 'too small to judge') then printf(
                '%d of %d (%.1f %%) in 28 days, %d of %d (%.1f %%) in %d other%s',
                r.events_28d, r.sent_28d, 100 * r.rate_28d, r.events_neighbours, r.sent_neighbours,
                100 * r.rate_neighbours, r.neighbours, case when r.neighbours = 1 then '' else 's' end
            )
        end as verdict_neighbours_reason,
        r.verdict = 'worse' or coalesce(r.verdict_neighbours = 'worse', false) as is_worse,
        r.events,
        r.sent,
        r.rate,
        r.rate_low,
        r.rate_high,
        r.events_before,
        r.sent_before,
        r.rate_before,
        r.rate_before_low,
        r.rate_before_high,
        r.difference as rate_difference,
        r.difference_low as rate_difference_low,
        r.difference_high as rate_difference_high,
        r.score as difference_score,
        r.events_28d,
        r.sent_28d,
        r.rate_28d,
        r.rate_28d_low,
        r.rate_28d_high,
        r.neighbours,
        r.events_neighbours,
        r.sent_neighbours,
        r.rate_neighbours,
        r.rate_neighbours_low,
        r.rate_neighbours_high,
        r.difference_neighbours,
        r.difference_neighbours_low,
        r.difference_neighbours_high,
        r.score_neighbours,
        r.last_date
    from changes as r
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on r.workspace_id = c.workspace_id and r.entity_id = c.campaign_id
)

select * from joined
order by workspace_name, is_worse desc, abs(difference_score) desc nulls last, workspace_id, entity, entity_id, metric

-- one row per entity (workspace, campaign, account), metric and closed day of the last four weeks
-- The usual value is the median of the same weekday in the eight weeks before.
with rules as (
    select
        rule_value(rule, value, 'min_score') as min_score,
        rule_value(rule, value, 'min_volume') as min_volume,
        rule_value(rule, value, 'min_weeks') as min_weeks
    from seeds.rules
    where mart = 'rpt_anomalies'
),

weekdays as (
    select
        workspace_id,
        entity,
        entity_id,
        metric,
        list(date order by date) as dates,
        list(value order by date) as figures,
        max(max(date)) over (partition by workspace_id) as last_date
    from intermediate.int_daily_series
    group by workspace_id, entity, entity_id, metric, isodow(date)
),

places as (
    select
        *,
        unnest(range(1, len(dates) + 1)) as place
    from weekdays
),

with_history as (
    select
        workspace_id,
        entity,
        entity_id,
        metric,
        dates[place] as date,
        figures[place] as value,
        figures[greatest(place - 8, 1):place - 1] as weeks_before
    from places
    where dates[place] > last_date - 28
),

measured as (
    select
        * exclude (weeks_before),
        len(weeks_before) as weeks_known,
        list_median(weeks_before) as usual_value,
        list_median([abs(v - usual_value) for v in weeks_before]) as usual_deviation
    from with_history
),

scored as (
    select
        m.*,
        case when m.weeks_known >= r.min_weeks then robust_score(m.value, m.usual_value, m.usual_deviation) end
            as score,
        greatest(m.value, m.usual_value) >= r.min_volume as is_large_enough,
        r.min_score
    from measured as m
    cross join rules as r
),

joined as (
    select
        s.workspace_id,
        w.workspace_name,
        s.entity,
        s.entity_id,
        case s.entity when 'campaign' then c.campaign_name when 'workspace' then w.workspace_name else s.entity_id end
            as entity_name,
        s.metric,
        s.date,
        coalesce(s.is_large_enough and abs(s.score) >= s.min_score, false) as is_anomaly,
        case
            when s.score is null then 'too little history'
            when not s.is_large_enough then 'too small to judge'
            when abs(s.score) < s.min_score then 'usual'
            when s.score > 0 then 'unusually high'
            else 'unusually low'
        end as verdict,
        s.value::bigint as figure,
        s.usual_value::double as usual_value,
        s.usual_deviation::double as usual_deviation,
        s.score::double as score,
        s.weeks_known,
        s.value::bigint as value
    from scored as s
    left join marts.dim_workspace as w on s.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on s.workspace_id = c.workspace_id and s.entity_id = c.campaign_id
)

select * from joined
order by workspace_name, is_anomaly desc, date desc, abs(score) desc nulls last, workspace_id, entity, entity_id, metric

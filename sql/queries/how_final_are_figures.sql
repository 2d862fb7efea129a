-- How much do the figures of a day still change after they were first seen?
-- Asked by: agency owner
-- How to read it: days are grouped by their age when first seen; where opens still grow, do not judge a day that young
-- Columns: workspace_name, age_in_days, days, sent_first_seen, sent, opens_first_seen, opens, opens_grew_by
with versions as (
    select
        workspace_id,
        _key,
        any_value(date) as date,
        min(_valid_from) as first_seen_at,
        arg_min(sent, _valid_from) as sent_first_seen,
        arg_max(sent, _valid_from) as sent,
        arg_min(unique_opened, _valid_from) as opens_first_seen,
        arg_max(unique_opened, _valid_from) as opens
    from history.daily_analytics
    where _op = 'upsert'
    group by workspace_id, _key
)

select
    w.workspace_name,
    least(date_diff('day', v.date, (v.first_seen_at at time zone 'UTC')::date), 14) as age_in_days,
    count(*) as days,
    sum(v.sent_first_seen)::bigint as sent_first_seen,
    sum(v.sent)::bigint as sent,
    sum(v.opens_first_seen)::bigint as opens_first_seen,
    sum(v.opens)::bigint as opens,
    round(sum(v.opens) / nullif(sum(v.opens_first_seen), 0) - 1, 3) as opens_grew_by
from versions as v
inner join marts.dim_workspace as w on v.workspace_id = w.workspace_id
group by w.workspace_id, w.workspace_name, age_in_days
order by w.workspace_name, w.workspace_id, age_in_days

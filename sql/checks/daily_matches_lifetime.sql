-- one row per campaign whose daily sends do not add up to its lifetime counter
-- Only campaigns created after the workspace's first known day: the first days of older ones may be missing.
with reach as (
    select workspace_id, min(date) as first_date from marts.fct_campaign_daily
    group by workspace_id
),

sums as (
    select workspace_id, campaign_id, sum(sent) as daily_sent from marts.fct_campaign_daily
    group by workspace_id, campaign_id
)

select
    m.workspace_id,
    m.campaign_id,
    m.sent as lifetime_sent,
    s.daily_sent
from marts.rpt_campaign_summary as m
inner join sums as s on m.workspace_id = s.workspace_id and m.campaign_id = s.campaign_id
inner join reach as r on m.workspace_id = r.workspace_id
inner join marts.dim_campaign as c on m.workspace_id = c.workspace_id and m.campaign_id = c.campaign_id
where
    not c.is_deleted
    and c.timestamp_created::date >= r.first_date
    and abs(s.daily_sent - m.sent) > greatest(20, 0.02 * m.sent)

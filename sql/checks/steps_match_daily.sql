-- one row per campaign and closed day whose steps do not add up to the day's sends
select
    s.workspace_id,
    s.campaign_id,
    s.date,
    sum(s.sent) as steps_sent,
    any_value(d.sent) as daily_sent
from marts.fct_campaign_step_daily as s
inner join marts.fct_campaign_daily as d
    on s.workspace_id = d.workspace_id and s.campaign_id = d.campaign_id and s.date = d.date
where not s.is_partial and not d.is_partial and not s.is_vanished and not d.is_vanished
group by s.workspace_id, s.campaign_id, s.date
having abs(sum(s.sent) - any_value(d.sent)) > greatest(5, 0.05 * any_value(d.sent))

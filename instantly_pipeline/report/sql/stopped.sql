-- One row per campaign that stopped sending, or reaching new leads, in the last 14 closed days: since when, why, and what
-- it brought a day before. Three days without are a weekend and a day.
with closed as (
    select
        *,
        max(date) over (partition by workspace_id) as last_closed
    from marts.fct_campaign_daily
    where not is_partial
),

measured as (
    select
        workspace_id,
        campaign_id,
        any_value(last_closed) as last_closed,
        max(date) filter (where sent > 0) as last_sent_on,
        max(date) filter (where new_leads_contacted > 0) as last_new_lead_on,
        list(sent order by date desc) filter (where sent > 0) as sends,
        list(new_leads_contacted order by date desc) filter (where new_leads_contacted > 0) as new_leads
    from closed
    group by workspace_id, campaign_id
),

stopped as (
    select
        *,
        last_closed - last_sent_on >= 3 as has_stopped,
        list_avg(sends[1:7]) as sent_per_day,
        list_avg(new_leads[1:7]) as new_leads_per_day
    from measured
    where last_closed - last_sent_on between 3 and 13 or last_closed - last_new_lead_on between 3 and 13
)

select
    t.workspace_id,
    s.campaign_name,
    t.has_stopped,
    case when t.has_stopped then t.last_sent_on else t.last_new_lead_on end as last_on,
    t.sent_per_day,
    t.new_leads_per_day,
    case
        when s.is_deleted then 'deleted'
        else coalesce(b.detail, case when s.status <> 1 then s.status_label end)
    end as why
from stopped as t
inner join marts.rpt_campaign_summary as s on t.workspace_id = s.workspace_id and t.campaign_id = s.campaign_id
left join marts.rpt_sending_blockers as b
    on t.workspace_id = b.workspace_id and t.campaign_id = b.campaign_id and b.is_main
order by t.workspace_id, t.has_stopped desc, t.sent_per_day desc, t.campaign_id

-- How did each client do last week against the week before, and when does it run out of leads?
-- Asked by: agency owner
-- How to read it: the worst first: fewer positive leads, then fewer e-mails than the week before; days_to_first_dry are the days until its first campaign has no new leads
-- Columns: client, week, sent, sent_before, new_positive_leads, positive_before, new_meeting_leads, meetings_before, opportunity_value, days_to_first_dry
with ended as (
    select * from marts.rpt_client_weekly
    where week + 7 <= as_of_date
    qualify row_number() over (partition by client order by week desc) = 1
),

outlook as (
    select
        client,
        max(days_to_first_dry) as days_to_first_dry
    from marts.rpt_client_weekly
    group by client
)

select
    coalesce(e.client, '(no client)') as client,
    e.week,
    e.sent,
    e.sent_week_before as sent_before,
    e.new_positive_leads,
    e.new_positive_leads_week_before as positive_before,
    e.new_meeting_leads,
    e.new_meeting_leads_week_before as meetings_before,
    round(e.opportunity_value_estimate) as opportunity_value,
    o.days_to_first_dry
from ended as e
left join outlook as o on e.client is not distinct from o.client
order by e.new_positive_leads - e.new_positive_leads_week_before, e.sent - e.sent_week_before, client

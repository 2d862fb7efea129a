-- One row per client and week of its last nine, the last one first.
select
    client,
    week,
    week + 7 <= as_of_date as has_ended,
    is_partial,
    is_before_first_read,
    sent,
    sent_week_before as sent_before,
    sent_week_target as sent_target,
    new_leads_contacted as new_leads,
    new_leads_contacted_week_before as new_leads_before,
    new_leads_contacted_week_target as new_leads_target,
    replies,
    replies_week_before as replies_before,
    replies_week_target as replies_target,
    new_positive_leads as positives,
    new_positive_leads_week_before as positives_before,
    new_positive_leads_week_target as positives_target,
    new_meeting_leads as meetings,
    new_meeting_leads_week_before as meetings_before,
    new_meeting_leads_week_target as meetings_target,
    opportunities,
    opportunities_week_before as opportunities_before,
    opportunities_week_target as opportunities_target,
    opportunity_value_estimate as opportunity_value,
    opportunity_value_estimate_week_before as opportunity_value_before,
    opportunity_value_estimate_week_target as opportunity_value_target,
    first_runs_dry_on,
    last_runs_dry_on,
    days_to_first_dry
from marts.rpt_client_weekly
where client is not null
qualify row_number() over (partition by client order by week desc) <= 9
order by client, week desc

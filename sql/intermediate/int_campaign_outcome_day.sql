-- one row per campaign and day on which a lead became positive, got a meeting or bounced for the first time
with firsts as (
    select
        workspace_id,
        campaign_id,
        lead_id,
        min(occurred_at) filter (where event = 'interest changed' and interest_kind = 'positive')::date as positive_on,
        min(occurred_at) filter (
            where event = 'interest changed' and lt_interest_status in (2, 3, 4)
        )::date as meeting_on,
        min(occurred_at) filter (where event = 'bounced')::date as bounced_on
    from marts.fct_lead_event
    where event in ('interest changed', 'bounced')
    group by workspace_id, campaign_id, lead_id
),

every as (
    select workspace_id, campaign_id, positive_on as date, 'positive' as outcome from firsts
    union all
    select workspace_id, campaign_id, meeting_on, 'meeting' from firsts
    union all
    select workspace_id, campaign_id, bounced_on, 'bounced' from firsts
)

select
    workspace_id,
    campaign_id,
    date,
    count(*) filter (where outcome = 'positive') as new_positive_leads,
    count(*) filter (where outcome = 'meeting') as new_meeting_leads,
    count(*) filter (where outcome = 'bounced') as bounced_leads
from every
where date is not null
group by workspace_id, campaign_id, date

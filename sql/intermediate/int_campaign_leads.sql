-- one row per campaign with leads: current leads by state
with leads as (
    select * from marts.dim_lead
    where not is_deleted and campaign_id is not null
),

counted as (
    select
        workspace_id,
        campaign_id,
        count(*) as leads,
        count(timestamp_last_contact) as contacted,
        count(*) filter (where status = 1 and timestamp_last_contact is null) as uncontacted,
        count(*) filter (where interest_kind = 'positive') as positive_leads,
        count(*) filter (where ever_positive) as ever_positive_leads,
        count(*) filter (where lt_interest_status in (2, 3, 4)) as meeting_leads
    from leads
    group by workspace_id, campaign_id
)

select * from counted

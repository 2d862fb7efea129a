-- one row per campaign with leads: current leads by state
with leads as (
    select
        l.* exclude (ever_positive),
        l.ever_positive or coalesce(o.was_positive, false) as ever_positive
    from marts.dim_lead as l
    left join intermediate.int_lead_interest as o on l.workspace_id = o.workspace_id and l.lead_id = o.lead_id
    where not l.is_deleted and l.campaign_id is not null
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

-- one row per workspace with campaigns: whether its leads show who was contacted
-- If no lead has a contact time although some were reached, nobody can tell which leads are left or waiting.
with reached as (
    select
        c.workspace_id,
        coalesce(sum(a.new_leads_contacted_count), 0) = 0 as is_nobody
    from intermediate.int_campaign as c
    left join staging.stg_campaign_analytics as a
        on c.workspace_id = a.workspace_id and c.campaign_id = a.campaign_id
    group by c.workspace_id
),

shown as (
    select
        workspace_id,
        count(timestamp_last_contact) > 0 as has_times,
        count(last_step_id) > 0 as has_steps
    from marts.dim_lead
    group by workspace_id
),

known as (
    select
        r.workspace_id,
        r.is_nobody or coalesce(s.has_times, false) as has_contact_times,
        r.is_nobody or coalesce(s.has_times or s.has_steps, false) as has_contacts
    from reached as r
    left join shown as s on r.workspace_id = s.workspace_id
)

select * from known

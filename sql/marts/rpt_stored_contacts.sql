-- one row per workspace whose leads were read: what it stores, and what deleting would free of the plan's quota
with counted as (
    select
        workspace_id,
        count(lead_id) as stored_leads,
        nullif(count(distinct contact), 0) as contacts,
        count(*) filter (where contact is null) as without_email,
        count(*) filter (where is_completed) as completed_leads,
        case when count(contact) > 0 then count(*) filter (where is_surplus) end as surplus_leads,
        count(*) filter (where is_deletable_completed) as deletable_completed,
        case when count(contact) > 0 then count(*) filter (where is_deletable_surplus) end as deletable_surplus
    from intermediate.int_stored_lead
    group by workspace_id
),

deletable as (
    select
        workspace_id,
        deletable_completed + coalesce(deletable_surplus, 0) as deletable_leads
    from counted
),

-- people whose leads were deleted since were reached all the same
reached as (
    select
        workspace_id,
        count(*) as contacted_leads,
        count(distinct contact_of(email)) as contacts_reached
    from marts.dim_lead
    where timestamp_last_contact is not null
    group by workspace_id
),

billing as (
    select
        workspace_id,
        plan_name,
        total_lead_limit,
        current_lead_count,
        verified_at
    from staging.stg_workspace_billing
),

joined as (
    select
        s.workspace_id,
        w.workspace_name,
        coalesce(n.stored_leads, 0) as stored_leads,
        case when n.stored_leads > 0 then n.contacts else 0 end as contacts,
        case when coalesce(k.has_contact_times, true) then coalesce(r.contacted_leads, 0) end as contacted_leads,
        case
            when coalesce(k.has_contact_times, true) and r.contacted_leads is null then 0
            when r.contacts_reached > 0 then r.contacts_reached
        end as contacts_reached,
        coalesce(n.without_email, 0) as without_email,
        coalesce(n.completed_leads, 0) as completed_leads,
        case when n.stored_leads > 0 then n.surplus_leads else 0 end as surplus_leads,
        coalesce(n.deletable_completed, 0) as deletable_completed,
        case when n.stored_leads > 0 then n.deletable_surplus else 0 end as deletable_surplus,
        coalesce(d.deletable_leads, 0) as deletable_leads,
        rate_of(d.deletable_leads, n.stored_leads) as deletable_rate,
        b.plan_name,
        b.total_lead_limit as lead_limit,
        b.current_lead_count as metered_leads,
        rate_of(b.current_lead_count, b.total_lead_limit) as used_rate,
        rate_of(
            case
                when b.current_lead_count is not null
                    then greatest(b.current_lead_count - coalesce(d.deletable_leads, 0), 0)
            end,
            b.total_lead_limit
        ) as used_rate_after,
        b.verified_at as billing_read_at
    from intermediate.int_workspace_streams as s
    left join counted as n on s.workspace_id = n.workspace_id
    left join deletable as d on s.workspace_id = d.workspace_id
    left join reached as r on s.workspace_id = r.workspace_id
    left join intermediate.int_workspace_contacts as k on s.workspace_id = k.workspace_id
    left join billing as b on s.workspace_id = b.workspace_id
    left join marts.dim_workspace as w on s.workspace_id = w.workspace_id
    where s.has_leads
)

select * from joined
order by workspace_name, workspace_id

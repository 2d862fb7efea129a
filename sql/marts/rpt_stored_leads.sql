-- one row per campaign and lead list that stored leads are in: what deleting there would free
with counted as (
    select
        workspace_id,
        campaign_id,
        list_id,
        any_value(list_name) as list_name,
        count(lead_id) as stored_leads,
        count(*) filter (where is_completed) as completed_leads,
        count(*) filter (where is_surplus) as surplus_leads,
        count(*) filter (where is_deletable_completed) as deletable_completed,
        count(*) filter (where is_deletable_surplus) as deletable_surplus
    from intermediate.int_stored_lead
    group by workspace_id, campaign_id, list_id
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.campaign_id,
        c.campaign_name,
        n.list_id,
        coalesce(n.list_name, n.list_id) as list_name,
        n.stored_leads,
        n.completed_leads,
        n.surplus_leads,
        n.deletable_completed,
        n.deletable_surplus,
        n.deletable_completed + n.deletable_surplus as deletable_leads
    from counted as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on n.workspace_id = c.workspace_id and n.campaign_id = c.campaign_id
)

select * from joined
order by workspace_name, workspace_id, deletable_leads desc, campaign_name, campaign_id, list_name, list_id

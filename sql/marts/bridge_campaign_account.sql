-- one row per listed campaign and account that sends for it
with joined as (
    select
        s.workspace_id,
        w.workspace_name,
        s.campaign_id,
        c.campaign_name,
        s.email,
        domain_of(s.email) as domain,
        s.by_address,
        s.by_tag,
        case when p.has_account_mappings or s.by_mapping then s.by_mapping end as by_mapping,
        case when p.has_accounts then coalesce(a.is_listed, false) end as is_account_listed
    from intermediate.int_campaign_sender as s
    left join intermediate.int_campaign as c on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
    left join marts.dim_account as a on s.workspace_id = a.workspace_id and s.email = a.email
    left join intermediate.int_workspace_streams as p on s.workspace_id = p.workspace_id
    left join marts.dim_workspace as w on s.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, campaign_name, email, workspace_id, campaign_id

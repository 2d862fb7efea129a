-- one row per lead and variable of its payload
with leads as (
    select
        workspace_id,
        id as lead_id,
        campaign as campaign_id,
        unnest(map_entries(from_json(payload, '"MAP(VARCHAR, JSON)"'))) as entry
    from staging.stg_leads
    where not is_deleted and json_type(payload) = 'OBJECT'
),

variables as (
    select
        l.workspace_id,
        w.workspace_name,
        l.lead_id,
        l.campaign_id,
        l.entry.key as name,
        l.entry.value ->> '$' as value,
        case
            when l.entry.value is null then 'null'
            when json_type(l.entry.value) = 'VARCHAR' then 'string'
            when json_type(l.entry.value) in ('BIGINT', 'UBIGINT', 'DOUBLE') then 'number'
            else lower(json_type(l.entry.value))
        end as type,
        l.entry.key in (
            'email', 'firstName', 'lastName', 'companyName', 'jobTitle', 'website', 'phone', 'personalization'
        ) as is_copy
    from leads as l
    left join marts.dim_workspace as w on l.workspace_id = w.workspace_id
)

select * from variables

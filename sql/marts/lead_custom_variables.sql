-- one row per lead and variable of its payload
-- The three lists hold the variables of a JSON object in the same order; other values have none.
with leads as (
    select
        workspace_id,
        id as lead_id,
        campaign as campaign_id,
        unnest(json_keys(payload)) as name,
        unnest(payload ->> '$.*') as value,
        unnest(json_type(payload, '$.*')) as json_type
    from staging.stg_leads
    where not is_deleted
),

variables as (
    select
        l.workspace_id,
        w.workspace_name,
        l.lead_id,
        l.campaign_id,
        l.name,
        l.value,
        case
            when l.json_type = 'VARCHAR' then 'string'
            when l.json_type in ('BIGINT', 'UBIGINT', 'DOUBLE') then 'number'
            else lower(l.json_type)
        end as type,
        l.name in (
            'email', 'firstName', 'lastName', 'companyName', 'jobTitle', 'website', 'phone', 'personalization'
        ) as is_copy
    from leads as l
    left join marts.dim_workspace as w on l.workspace_id = w.workspace_id
)

select * from variables

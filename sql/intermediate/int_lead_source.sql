-- one row per lead and source: its list, its upload method and the chosen custom variables
-- `source_value` is null if the lead has none. So are values of a variable that only one contact has: they group
-- nothing, and may name a person.
with leads as (
    select
        workspace_id,
        lead_id,
        contact_of(email) as contact,
        list_id,
        upload_method,
        payload
    from marts.dim_lead
),

chosen as (
    select distinct
        w.workspace_id,
        v.variable
    from intermediate.int_workspace_clock as w
    inner join seeds.source_variables as v on v.workspace_id in (w.workspace_id, '*')
),

variables as (
    select
        l.workspace_id,
        l.lead_id,
        l.contact,
        c.variable,
        case
            when json_valid(l.payload)
                then nullif(trim(json_extract_string(l.payload, '$."' || c.variable || '"')), '')
        end as source_value
    from leads as l
    inner join chosen as c on l.workspace_id = c.workspace_id
),

shared as (
    select
        workspace_id,
        variable,
        source_value
    from variables
    where source_value is not null
    group by workspace_id, variable, source_value
    having count(distinct coalesce(contact, lead_id)) > 1
),

every as (
    select
        workspace_id,
        lead_id,
        'list' as source,
        null as variable,
        list_id as source_value
    from leads
    union all
    select
        workspace_id,
        lead_id,
        'upload method',
        null,
        upload_method
    from leads
    union all
    select
        v.workspace_id,
        v.lead_id,
        'variable',
        v.variable,
        s.source_value
    from variables as v
    left join shared as s
        on v.workspace_id = s.workspace_id and v.variable = s.variable and v.source_value = s.source_value
)

select * from every

-- one row per lead and source (its list, its upload method, each chosen custom variable), with what became of it
-- `source_value` is null if the lead has none. So are values of a variable that only one contact has: they group
-- nothing, and may name a person.
with leads as (
    select
        l.workspace_id,
        l.lead_id,
        contact_of(l.email) as contact,
        l.list_id,
        l.upload_method,
        l.payload,
        l.is_deleted,
        l.timestamp_last_contact is not null as is_contacted,
        l.email_reply_count > 0 as has_replied,
        l.ever_positive or coalesce(o.was_positive, false) as ever_positive,
        coalesce(o.had_meeting, false) or coalesce(l.lt_interest_status in (2, 3, 4), false) as had_meeting,
        l.lt_interest_status,
        l.status = -1 as is_bounced,
        coalesce(try_cast(l.pl_value_lead as double), c.pl_value, w.default_opportunity_value) as value_of_lead,
        -- the API counts steps from 0, and a lead at step n got the n before it
        try_cast(split_part(l.last_step_id, '_', 2) as bigint) + 1 as emails
    from marts.dim_lead as l
    left join marts.dim_campaign as c on l.workspace_id = c.workspace_id and l.campaign_id = c.campaign_id
    left join marts.dim_workspace as w on l.workspace_id = w.workspace_id
    left join intermediate.int_lead_interest as o on l.workspace_id = o.workspace_id and l.lead_id = o.lead_id
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
        l.*,
        c.variable,
        case
            when json_valid(l.payload)
                -- a pointer: in a path, quotation marks and * in a name would mean something else
                then nullif(trim(json_extract_string(
                    l.payload, '/' || replace(replace(c.variable, '~', '~0'), '/', '~1')
                )), '')
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
        * exclude (list_id, upload_method, payload),
        'list' as source,
        null as variable,
        list_id as source_value
    from leads
    union all by name
    select
        * exclude (list_id, upload_method, payload),
        'upload method' as source,
        upload_method as source_value
    from leads
    union all by name
    select
        v.* exclude (list_id, upload_method, payload) replace (s.source_value as source_value),
        'variable' as source
    from variables as v
    left join shared as s
        on v.workspace_id = s.workspace_id and v.variable = s.variable and v.source_value = s.source_value
)

select * from every

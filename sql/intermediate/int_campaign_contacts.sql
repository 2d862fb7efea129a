-- one row per campaign with leads: the people behind its leads, by address
-- Null if no address is known. A contact of several campaigns is in each of them.
with leads as (
    select
        workspace_id,
        campaign_id,
        contact_of(email) as contact,
        timestamp_last_contact is not null as is_contacted
    from marts.dim_lead
    where campaign_id is not null
),

counted as (
    select
        workspace_id,
        campaign_id,
        count(distinct contact) as contacts,
        count(distinct contact) filter (where is_contacted) as contacts_reached,
        bool_or(is_contacted) and not coalesce(bool_or(is_contacted and contact is not null), false) as is_nameless
    from leads
    group by workspace_id, campaign_id
)

select
    c.workspace_id,
    c.campaign_id,
    nullif(c.contacts, 0) as contacts,
    case when coalesce(k.has_contact_times, true) and not c.is_nameless then c.contacts_reached end as contacts_reached
from counted as c
left join intermediate.int_workspace_contacts as k on c.workspace_id = k.workspace_id

-- one row per lead list that leads are or were in: its contents and outcomes
-- Contents are counted over current leads; outcomes also over leads deleted since.
with leads as (
    select
        l.* exclude (ever_positive),
        contact_of(l.email) as contact,
        l.ever_positive or coalesce(o.was_positive, false) as ever_positive
    from marts.dim_lead as l
    left join intermediate.int_lead_interest as o on l.workspace_id = o.workspace_id and l.lead_id = o.lead_id
),

-- addresses with several leads in the workspace
several as (
    select
        workspace_id,
        contact,
        count(contact) as in_workspace
    from leads
    where contact is not null and not is_deleted
    group by workspace_id, contact
    having count(contact) > 1
),

addresses as (
    select
        l.workspace_id,
        l.list_id,
        count(l.contact) as in_list,
        any_value(s.in_workspace) as in_workspace
    from leads as l
    inner join several as s on l.workspace_id = s.workspace_id and l.contact = s.contact
    where l.list_id is not null and not l.is_deleted
    group by l.workspace_id, l.list_id, l.contact
),

repeated as (
    select
        workspace_id,
        list_id,
        sum(in_list - 1)::bigint as duplicates,
        sum(in_list) filter (where in_workspace > in_list)::bigint as elsewhere
    from addresses
    group by workspace_id, list_id
),

blocked_leads as (
    select distinct
        workspace_id,
        lead_id
    from intermediate.int_lead_suppression
    where until is null and reason != 'unsubscribed'
),

counted as (
    select
        l.workspace_id,
        l.list_id,
        count(*) filter (where not l.is_deleted) as leads,
        count(*) filter (where l.is_deleted) as deleted_leads,
        count(*) filter (where not l.is_deleted and l.contact is null) as without_email,
        count(*) filter (where not l.is_deleted and is_verification_known(l.verification_status)) as checked_leads,
        count(*) filter (where not l.is_deleted and l.verification_status = 1) as verified,
        count(*) filter (where not l.is_deleted and l.verification_status = -3) as catch_all,
        count(*) filter (where not l.is_deleted and l.verification_status = -2) as risky,
        count(*) filter (where not l.is_deleted and l.verification_status = -1) as invalid,
        count(*) filter (where not l.is_deleted and coalesce(trim(l.first_name), '') = '') as missing_names,
        count(*) filter (where not l.is_deleted and b.lead_id is not null) as blocked,
        count(*) filter (where l.timestamp_last_contact is not null) as contacted_leads,
        count(*) filter (where l.timestamp_last_contact is not null and l.email_reply_count > 0) as replied_leads,
        count(*) filter (where l.timestamp_last_contact is not null and l.status = -1) as bounced_leads,
        count(*) filter (where l.timestamp_last_contact is not null and l.ever_positive) as became_positive_leads,
        count(distinct l.contact) filter (where not l.is_deleted) as contacts,
        max(l.verified_at) as verified_at
    from leads as l
    left join blocked_leads as b on l.workspace_id = b.workspace_id and l.lead_id = b.lead_id
    where l.list_id is not null
    group by l.workspace_id, l.list_id
),

joined as (
    select
        c.*,
        coalesce(r.duplicates, 0) as duplicates,
        coalesce(r.elsewhere, 0) as elsewhere
    from counted as c
    left join repeated as r on c.workspace_id = r.workspace_id and c.list_id = r.list_id
)

select * from joined

-- one row per lead and reason not to contact it, ended or not
with leads as (
    select
        workspace_id,
        lead_id,
        contact_of(email) as email,
        domain_of(contact_of(email)) as domain,
        timestamp_created
    from marts.dim_lead
),

addresses as (
    select * from intermediate.int_suppression
    where not is_domain
),

domains as (
    select * from intermediate.int_suppression
    where is_domain
),

found as (
    select
        l.*,
        s.reason,
        s.since,
        s.surely_since,
        s.until
    from leads as l
    inner join addresses as s on l.workspace_id = s.workspace_id and l.email = s.value
    union all
    select
        l.*,
        s.reason,
        s.since,
        s.surely_since,
        s.until
    from leads as l
    inner join domains as s on l.workspace_id = s.workspace_id and l.domain = s.value
)

select * from found

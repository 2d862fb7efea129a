-- one row per reason not to contact an address or a domain: a block list entry, or a lead that unsubscribed
-- `since` is the earliest time at which it can have begun, `surely_since` the latest; `until` is when it ended.
with entries as (
    select
        workspace_id,
        ltrim(contact_of(bl_value), '@') as value,
        coalesce(is_domain, not contains(ltrim(bl_value, '@'), '@')) as is_domain,
        timestamp_created as since,
        timestamp_created as surely_since,
        deleted_at as until
    from staging.stg_block_list_entries
    where contact_of(bl_value) is not null
),

-- a lead that subscribed again is no longer unsubscribed
unsubscribed as (
    select
        l.workspace_id,
        contact_of(l.email) as value,
        max(e.occurred_at) as since,
        max(case when e.is_exact then e.occurred_at else e.first_seen_at end) as surely_since
    from marts.dim_lead as l
    inner join marts.fct_lead_event as e
        on l.workspace_id = e.workspace_id and l.lead_id = e.lead_id and e.event = 'unsubscribed'
    where l.status = -2 and contact_of(l.email) is not null
    group by l.workspace_id, l.lead_id, contact_of(l.email)
),

reasons as (
    select
        workspace_id,
        value,
        is_domain,
        case when is_domain then 'domain on the block list' else 'address on the block list' end as reason,
        since,
        surely_since,
        until
    from entries
    union all
    select
        workspace_id,
        value,
        false,
        'unsubscribed',
        since,
        surely_since,
        null
    from unsubscribed
)

select * from reasons

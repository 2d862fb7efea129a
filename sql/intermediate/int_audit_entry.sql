-- one row per entry of the audit log and campaign or account that it names
-- The log has no field for an account: an entry is about the accounts whose addresses its details hold.
with entries as (
    select
        a.workspace_id,
        a.id as entry_id,
        a.activity_type,
        a.activity_type_label,
        a.timestamp as happened_at,
        a.campaign_id,
        list_distinct(regexp_extract_all(lower(a.audit_metadata), '[^\s"\\<>,;:]+@[^\s"\\<>,;:]+')) as emails,
        a.user_id,
        coalesce(nullif(a.user_name, ''), m.member_name, m.user_email, m.email) as user_name,
        coalesce(k.name, a.api_key_id) as api_key_name
    from staging.stg_audit_logs as a
    left join (
        select
            workspace_id,
            user_id,
            any_value(nullif(trim(concat_ws(' ', json_text(name, '$.first'), json_text(name, '$.last'))), ''))
                as member_name,
            any_value(user_email) as user_email,
            any_value(email) as email
        from staging.stg_workspace_members
        group by workspace_id, user_id
    ) as m on a.workspace_id = m.workspace_id and a.user_id = m.user_id
    left join staging.stg_api_keys as k on a.workspace_id = k.workspace_id and a.api_key_id = k.id
),

named as (
    select
        * exclude (campaign_id, emails),
        'campaign' as kind,
        campaign_id as named
    from entries
    where campaign_id is not null
    union all by name
    select
        * exclude (campaign_id, emails),
        'account' as kind,
        unnest(emails) as named
    from entries
)

select * from named

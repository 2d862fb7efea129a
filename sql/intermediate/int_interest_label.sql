-- one row per workspace and custom interest value, with its newest label
with labels as (
    select
        workspace_id,
        interest_status,
        label,
        interest_status_label as kind
    from staging.stg_lead_labels
    qualify row_number() over (
        partition by workspace_id, interest_status order by is_deleted, timestamp_created desc, id
    ) = 1
)

select * from labels

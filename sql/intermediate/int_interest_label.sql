-- one row per workspace and interest value of its own, the newest label of each
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

-- one row per test e-mail of inbox placement tests: who sent it where, and where it landed
-- What was sent and what was received are rows of their own. Only received ones say where they landed.
with results as (
    select
        workspace_id,
        lower(sender_email) as email,
        domain_of(sender_email) as domain,
        recipient_esp,
        recipient_esp_label as recipient_provider,
        coalesce(timestamp_created_date, timestamp_created::date) as date,
        coalesce(record_type, 2) = 2 as is_received,
        case
            when record_type = 1 or is_spam is null then null
            when is_spam then 'spam'
            when has_category then 'category'
            else 'inbox'
        end as landed_in,
        case when is_received then spf_pass end as spf_pass,
        case when is_received then dkim_pass end as dkim_pass,
        case when is_received then dmarc_pass end as dmarc_pass,
        verified_at
    from staging.stg_inbox_placement_analytics
)

select * from results
where domain is not null and date is not null

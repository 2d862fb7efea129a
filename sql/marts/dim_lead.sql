-- one row per lead, deleted ones included
with leads as (
    select * from intermediate.int_lead
),

lists as (
    select * from staging.stg_lead_lists
),

joined as (
    select
        l.workspace_id,
        w.workspace_name,
        l.id as lead_id,
        l.campaign as campaign_id,
        c.campaign_name,
        l.list_id,
        s.name as list_name,
        l.email,
        domain_of(l.email) as domain,
        l.first_name,
        l.last_name,
        l.job_title,
        l.phone,
        l.company_name,
        l.company_domain,
        l.website,
        l.personalization,
        l.payload,
        l.status,
        l.status_label,
        l.lt_interest_status,
        l.interest_label,
        l.interest_kind,
        coalesce(l.interest_kind = 'positive', false) as is_positive,
        l.ever_positive,
        l.verification_status,
        l.verification_status_label,
        l.enrichment_status,
        l.enrichment_status_label,
        l.esp_code,
        l.esp_code_label,
        l.esg_code,
        l.esg_code_label,
        l.upload_method,
        l.is_website_visitor,
        l.last_contacted_from,
        l.last_step_id,
        l.assigned_to,
        l.is_deleted,
        l.email_open_count,
        l.email_reply_count,
        l.email_click_count,
        l.email_replied_step,
        l.email_replied_variant,
        l.pl_value_lead,
        l.timestamp_created,
        l.timestamp_updated,
        l.timestamp_last_contact,
        l.timestamp_last_open,
        l.timestamp_last_reply,
        l.timestamp_last_click,
        l.timestamp_last_interest_change,
        l.first_seen_at,
        l.changed_at,
        l.deleted_at,
        l.verified_at
    from leads as l
    left join marts.dim_workspace as w on l.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on l.workspace_id = c.workspace_id and l.campaign = c.campaign_id
    left join lists as s on l.workspace_id = s.workspace_id and l.list_id = s.id
)

select * from joined

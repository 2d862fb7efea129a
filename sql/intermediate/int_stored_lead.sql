-- one row per lead that exists: whether it is through, surplus by address, and can be deleted
-- Per address one lead is kept: one with an answer, else one still active, else the newest. Nothing is to be deleted
-- that has an answer or still waits for an e-mail.
with leads as (
    select
        workspace_id,
        lead_id,
        campaign_id,
        list_id,
        list_name,
        contact_of(email) as contact,
        coalesce(status = 3, false) as is_completed,
        coalesce(email_reply_count > 0, false) or timestamp_last_reply is not null
        or lt_interest_status is not null as has_answer,
        coalesce(status = 1 and campaign_id is not null, false) as is_active,
        timestamp_created
    from marts.dim_lead
    where not is_deleted
),

ranked as (
    select
        *,
        contact is not null and row_number() over (
            partition by workspace_id, contact
            order by has_answer desc, is_active desc, timestamp_created desc nulls last, lead_id
        ) > 1 as is_surplus
    from leads
)

select
    workspace_id,
    lead_id,
    campaign_id,
    list_id,
    list_name,
    contact,
    is_completed,
    is_surplus,
    is_completed and not has_answer as is_deletable_completed,
    is_surplus and not is_completed and not is_active and not has_answer as is_deletable_surplus
from ranked

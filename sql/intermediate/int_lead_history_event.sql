-- one row per lead and event that the versions of the lead show
-- Of several opens, clicks or replies between two syncs the last one is shown, with `times` from the lead's counter.
with versions as (
    select
        workspace_id,
        id as lead_id,
        campaign as campaign_id,
        contact_of(email) as email,
        status,
        lt_interest_status as interest,
        last_contacted_from as mailbox,
        -- later e-mails of a subsequence are no step of the campaign
        try_cast(json_text(status_summary_subseq, '$.timestampExecuted') as timestamptz) at time zone 'UTC'
            as subsequence_at,
        case when subsequence_at is null or last_step_timestamp_executed >= subsequence_at then last_step_id end
            as last_step_id,
        email_opened_step,
        email_opened_variant,
        email_replied_step,
        email_replied_variant,
        email_clicked_step,
        email_clicked_variant,
        coalesce(email_open_count, 0) as opens,
        coalesce(email_reply_count, 0) as replies,
        coalesce(email_click_count, 0) as clicks,
        timestamp_last_contact as contacted_at,
        timestamp_last_open as opened_at,
        timestamp_last_reply as replied_at,
        timestamp_last_click as clicked_at,
        timestamp_last_interest_change as interest_at,
        valid_from as seen_at
    from staging.stg_leads_history
    where _op = 'upsert'
),

compared as (
    select
        *,
        row_number() over each_lead = 1 as is_first_version,
        row_number() over each_lead = 1 and lead(seen_at) over each_lead is null as is_only_version,
        lag(status) over each_lead as status_before,
        lag(interest) over each_lead as interest_before,
        coalesce(lag(opens) over each_lead, 0) as opens_before,
        coalesce(lag(replies) over each_lead, 0) as replies_before,
        coalesce(lag(clicks) over each_lead, 0) as clicks_before,
        (contacted_at is distinct from lag(contacted_at) over each_lead) and contacted_at is not null as contact_moved,
        (opened_at is distinct from lag(opened_at) over each_lead) and opened_at is not null as open_moved,
        (replied_at is distinct from lag(replied_at) over each_lead) and replied_at is not null as reply_moved,
        (clicked_at is distinct from lag(clicked_at) over each_lead) and clicked_at is not null as click_moved,
        (interest_at is distinct from lag(interest_at) over each_lead) and interest_at is not null as interest_moved
    from versions
    window each_lead as (partition by workspace_id, lead_id order by seen_at)
),

events as (
    select
        *,
        'contacted' as event,
        contacted_at as occurred_at,
        'api' as time_source,
        nullif(split_part(last_step_id, '_', 2), '') as step,
        nullif(split_part(last_step_id, '_', 3), '') as variant,
        mailbox as last_contacted_from
    from compared
    where contact_moved
    union all by name
    select
        *,
        'opened' as event,
        case when open_moved then opened_at else seen_at end as occurred_at,
        case when open_moved then 'api' else 'seen' end as time_source,
        email_opened_step::varchar as step,
        email_opened_variant::varchar as variant,
        greatest(opens - opens_before, 0) as times
    from compared
    where open_moved or opens > opens_before
    union all by name
    select
        *,
        'clicked' as event,
        case when click_moved then clicked_at else seen_at end as occurred_at,
        case when click_moved then 'api' else 'seen' end as time_source,
        email_clicked_step::varchar as step,
        email_clicked_variant::varchar as variant,
        greatest(clicks - clicks_before, 0) as times
    from compared
    where click_moved or clicks > clicks_before
    union all by name
    select
        *,
        'replied' as event,
        case when reply_moved then replied_at else seen_at end as occurred_at,
        case when reply_moved then 'api' else 'seen' end as time_source,
        email_replied_step::varchar as step,
        email_replied_variant::varchar as variant,
        greatest(replies - replies_before, 0) as times
    from compared
    where reply_moved or replies > replies_before
    union all by name
    select
        *,
        'interest changed' as event,
        case when interest_moved then interest_at else seen_at end as occurred_at,
        case when interest_moved then 'api' else 'seen' end as time_source,
        interest as lt_interest_status,
        interest_before as lt_interest_status_before
    from compared
    where interest is distinct from interest_before or (interest_moved and interest is not null)
    union all by name
    -- the API has no time of bounces; they follow the last e-mail within minutes
    select
        *,
        'bounced' as event,
        coalesce(contacted_at, seen_at) as occurred_at,
        case when contacted_at is null then 'seen' else 'last contact' end as time_source,
        nullif(split_part(last_step_id, '_', 2), '') as step,
        nullif(split_part(last_step_id, '_', 3), '') as variant,
        mailbox as last_contacted_from
    from compared
    where status = -1 and status_before is distinct from -1
    union all by name
    -- unsubscriptions can come days after the e-mail, so its time is used only for a lead that no sync saw before
    select
        *,
        'unsubscribed' as event,
        case when is_first_version and contacted_at is not null then contacted_at else seen_at end as occurred_at,
        case when is_first_version and contacted_at is not null then 'last contact' else 'seen' end as time_source
    from compared
    where status = -2 and status_before is distinct from -2
),

-- a value that went away and came back is one event, at the time it was first seen
several as (
    select * from events
    where not is_only_version
    qualify row_number() over (
        partition by workspace_id, lead_id, event, occurred_at, lt_interest_status order by seen_at
    ) = 1
),

once as (
    select * from events
    where is_only_version
    union all
    select * from several
)

select
    workspace_id,
    lead_id,
    event,
    occurred_at,
    time_source,
    campaign_id,
    email,
    step,
    variant,
    last_contacted_from,
    times,
    lt_interest_status,
    lt_interest_status_before,
    seen_at
from once

-- one row per workspace, sequence that sends, mailbox, last step and its day: leads that may get another e-mail
-- A lead in a known subsequence waits for its steps and not for those of the campaign; step -1 is its entering.
with subsequences as (
    select * from staging.stg_subsequences where not is_deleted
),

in_campaign as (
    select
        l.workspace_id,
        l.campaign as sequence_id,
        l.campaign as campaign_id,
        lower(coalesce(l.last_step_from, l.last_contacted_from)) as email,
        try_cast(split_part(l.last_step_id, '_', 2) as bigint) as step,
        coalesce(l.last_step_timestamp_executed, l.timestamp_last_contact)::date as last_sent_on
    from staging.stg_leads as l
    inner join staging.stg_campaigns as c on l.workspace_id = c.workspace_id and l.campaign = c.id
    anti join subsequences as s on l.workspace_id = s.workspace_id and l.subsequence_id = s.id
    where
        not l.is_deleted and l.status = 1 and not c.is_deleted and c.status = 1
        and (l.last_step_id is not null or l.timestamp_last_contact is not null)
),

-- A subsequence sends while its campaign is active or completed but for subsequences. The lead's status says whether it
-- is done with the campaign; who answered in the subsequence gets nothing more.
in_subsequence as (
    select
        l.workspace_id,
        l.subsequence_id as sequence_id,
        l.campaign as campaign_id,
        l.subsequence_id,
        l.timestamp_added_subsequence as entered_at,
        l.timestamp_last_contact,
        json_text(l.status_summary_subseq, '$.stepID') as step_id,
        try_cast(json_text(l.status_summary_subseq, '$.timestampExecuted') as timestamptz) at time zone 'UTC'
            as step_sent_at,
        lower(coalesce(json_text(l.status_summary_subseq, '$.from'), l.last_contacted_from)) as email
    from staging.stg_leads as l
    inner join subsequences as s on l.workspace_id = s.workspace_id and l.subsequence_id = s.id
    inner join staging.stg_campaigns as c on l.workspace_id = c.workspace_id and l.campaign = c.id
    where
        not l.is_deleted and l.status in (1, 3) and s.status = 1 and not c.is_deleted and c.status in (1, 4)
        and not coalesce(c.stop_on_reply and l.timestamp_last_reply > l.timestamp_added_subsequence, false)
),

-- the last step may be one of an earlier subsequence; without one, nothing was sent if nothing was since the entering
entered as (
    select
        workspace_id,
        sequence_id,
        campaign_id,
        subsequence_id,
        email,
        case
            when step_sent_at >= entered_at or entered_at is null then try_cast(split_part(step_id, '_', 2) as bigint)
            when timestamp_last_contact > entered_at then null
            else -1
        end as step,
        case when step >= 0 then step_sent_at else entered_at end::date as last_sent_on
    from in_subsequence
),

every as (
    select * from in_campaign
    union all by name
    select * from entered
),

waiting as (
    select
        *,
        count(*) as leads
    from every
    group by all
),

known as (
    select
        workspace_id,
        sequence_id,
        max(step) as last_step,
        count(days_from_start) = count(*) as has_every_wait
    from intermediate.int_step_plan
    group by workspace_id, sequence_id
),

placed as (
    select
        w.*,
        -- leads at the last step get nothing more, whenever it was sent
        w.step >= k.last_step or (w.step is not null and w.last_sent_on is not null and k.has_every_wait) as is_placed
    from waiting as w
    left join known as k on w.workspace_id = k.workspace_id and w.sequence_id = k.sequence_id
)

select * replace (coalesce(is_placed, false) as is_placed) from placed

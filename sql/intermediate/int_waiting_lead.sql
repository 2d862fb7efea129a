-- one row per workspace, active campaign, mailbox, last step and its day: leads that may get another e-mail
with waiting as (
    select
        l.workspace_id,
        l.campaign as campaign_id,
        lower(coalesce(l.last_step_from, l.last_contacted_from)) as email,
        try_cast(split_part(l.last_step_id, '_', 2) as bigint) as step,
        coalesce(l.last_step_timestamp_executed, l.timestamp_last_contact)::date as last_sent_on,
        count(*) as leads
    from staging.stg_leads as l
    inner join staging.stg_campaigns as c on l.workspace_id = c.workspace_id and l.campaign = c.id
    where
        not l.is_deleted and l.status = 1 and not c.is_deleted and c.status = 1
        and (l.last_step_id is not null or l.timestamp_last_contact is not null)
    group by all
),

known as (
    select
        workspace_id,
        campaign_id,
        count(*) as steps,
        count(days_from_first) = count(*) as has_every_wait
    from intermediate.int_step_plan
    group by workspace_id, campaign_id
),

placed as (
    select
        w.*,
        -- leads at the last step get nothing more, whenever it was sent
        w.step >= k.steps - 1 or (w.step is not null and w.last_sent_on is not null and k.has_every_wait) as is_placed
    from waiting as w
    left join known as k on w.workspace_id = k.workspace_id and w.campaign_id = k.campaign_id
)

select * replace (coalesce(is_placed, false) as is_placed) from placed

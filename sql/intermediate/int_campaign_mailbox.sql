-- one row per campaign that is meant to send and mailbox of it: whether the mailbox can send, and since when
-- Meant to send: listed, and active, running subsequences or stopped by the platform (a negative status).
with campaigns as (
    select
        c.workspace_id,
        c.id as campaign_id
    from staging.stg_campaigns as c
    inner join intermediate.int_workspace_streams as r on c.workspace_id = r.workspace_id and r.has_accounts
    where not c.is_deleted and is_meant_to_send(c.status)
),

versions as (
    select
        workspace_id,
        lower(coalesce(email, _key ->> '$[0]')) as email,
        row_number() over (partition by workspace_id, _key order by _valid_from) as version,
        _valid_from at time zone 'UTC' as valid_from,
        mailbox_state(_op = 'delete', status, daily_limit) as state
    from history.accounts
),

now as (
    select
        *,
        arg_max(state, version) over (partition by workspace_id, email) as state_now
    from versions
),

compared as (
    select
        *,
        max(case when state <> state_now then version end) over (partition by workspace_id, email) as last_other
    from now
),

runs as (
    select
        workspace_id,
        email,
        min(valid_from) as since,
        last_other is null as is_since_or_earlier
    from compared
    where version > coalesce(last_other, 0)
    group by workspace_id, email, last_other
)

select
    s.workspace_id,
    s.campaign_id,
    s.email,
    mailbox_state(a.email is null or a.is_deleted, a.status, a.daily_limit) as state,
    case when a.status < 0 then a.status_label end as error,
    r.since,
    coalesce(r.is_since_or_earlier, true) as is_since_or_earlier
from intermediate.int_campaign_sender as s
inner join campaigns as c on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
left join staging.stg_accounts as a on s.workspace_id = a.workspace_id and s.email = a.email
left join runs as r on s.workspace_id = r.workspace_id and s.email = r.email

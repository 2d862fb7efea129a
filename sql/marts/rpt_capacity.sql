-- one row per sending account and day of the next 14, and one for the workspace as a whole (no email)
-- The days begin on the day after the workspace was last read; follow-ups that are overdue fall on the first.
-- Follow-ups are not known where leads were not read, or where a campaign does not say which step its leads are at.
with accounts as (
    select
        a.workspace_id,
        a.email,
        a.domain,
        a.status_label,
        case when a.status = 1 then a.daily_limit when a.status is not null then 0 end as daily_limit,
        w.as_of::date as as_of_date
    from marts.dim_account as a
    inner join marts.dim_workspace as w on a.workspace_id = w.workspace_id
    where a.is_listed
),

recent as (
    select
        a.workspace_id,
        a.email,
        sum(d.sent)::bigint as sent_7d,
        count(*) filter (where d.sent > 0) as days_sending_7d
    from accounts as a
    inner join intermediate.int_account_day as d on a.workspace_id = d.workspace_id and a.email = d.email
    where d.date between a.as_of_date - 7 and a.as_of_date - 1
    group by a.workspace_id, a.email
),

due as (
    select
        workspace_id,
        email,
        date,
        sum(follow_ups)::bigint as follow_ups
    from intermediate.int_follow_up
    group by workspace_id, email, date
),

active_campaigns as (
    select
        c.workspace_id,
        c.id as campaign_id,
        s.sending_days
    from staging.stg_campaigns as c
    inner join intermediate.int_campaign_schedule as s on c.workspace_id = s.workspace_id and c.id = s.campaign_id
    where not c.is_deleted and c.status = 1
),

streams as (
    select
        workspace_id,
        bool_or(stream = 'leads') as has_leads,
        bool_or(stream = 'campaigns') as has_campaigns
    from intermediate.int_stream_read
    group by workspace_id
),

-- leads that never say that they were written to, in a workspace that reached some, do not tell who waits
contacts as (
    select
        r.workspace_id,
        r.leads_reached = 0 or coalesce(l.has_contacts, false) as are_told
    from (
        select
            workspace_id,
            coalesce(sum(leads_reached), 0) as leads_reached
        from intermediate.int_campaign_metrics
        group by workspace_id
    ) as r
    left join (
        select
            workspace_id,
            count(last_step_id) + count(timestamp_last_contact) > 0 as has_contacts
        from staging.stg_leads
        group by workspace_id
    ) as l on r.workspace_id = l.workspace_id
),

-- campaigns that do not say which step, or from which mailbox, any of their waiting leads was written to
untold as (
    select
        workspace_id,
        campaign_id,
        not bool_or(is_placed) as has_no_steps,
        not bool_or(is_placed and email is not null) as has_no_mailboxes
    from intermediate.int_waiting_lead
    group by workspace_id, campaign_id
),

workspace_untold as (
    select
        workspace_id,
        bool_or(has_no_steps) as has_no_steps
    from untold
    group by workspace_id
),

not_placed as (
    select
        workspace_id,
        coalesce(sum(leads) filter (where not is_placed), 0)::bigint as leads_not_placed
    from intermediate.int_waiting_lead
    group by workspace_id
),

tags_told as (
    select
        workspace_id,
        bool_or(json_type(tags) = 'ARRAY') as has_tags
    from staging.stg_accounts
    where not is_deleted
    group by workspace_id
),

-- campaigns that say who sends for them: by address, or by tags that accounts show
senders_told as (
    select
        c.workspace_id,
        c.id as campaign_id
    from staging.stg_campaigns as c
    left join tags_told as t on c.workspace_id = t.workspace_id
    where coalesce(json_array_length(c.email_tag_list), 0) = 0 and json_type(c.email_list) = 'ARRAY'
        or json_array_length(c.email_tag_list) > 0 and t.has_tags
),

-- an account that may have follow-ups of such a campaign: it sends for it, or nobody knows who does
account_untold as (
    select
        a.workspace_id,
        a.email,
        true as is_untold
    from accounts as a
    inner join untold as u on a.workspace_id = u.workspace_id and u.has_no_mailboxes
    left join intermediate.int_campaign_sender as s
        on u.workspace_id = s.workspace_id and u.campaign_id = s.campaign_id and a.email = s.email
    left join senders_told as t on u.workspace_id = t.workspace_id and u.campaign_id = t.campaign_id
    group by a.workspace_id, a.email
    having bool_or(s.email is not null or t.campaign_id is null)
),

workspace_senders as (
    select
        c.workspace_id,
        bool_and(t.campaign_id is not null) as has_senders
    from active_campaigns as c
    left join senders_told as t on c.workspace_id = t.workspace_id and c.campaign_id = t.campaign_id
    group by c.workspace_id
),

-- campaigns an account sends for, by weekday
scheduled as (
    select
        s.workspace_id,
        s.email,
        d.weekday,
        count(*) as campaigns
    from intermediate.int_campaign_sender as s
    inner join active_campaigns as c on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
    cross join lateral (select unnest(c.sending_days) as weekday) as d
    group by s.workspace_id, s.email, d.weekday
),

workspace_scheduled as (
    select
        c.workspace_id,
        d.weekday,
        count(*) as campaigns
    from active_campaigns as c
    cross join lateral (select unnest(c.sending_days) as weekday) as d
    group by c.workspace_id, d.weekday
),

account_days as (
    select
        a.workspace_id,
        a.email,
        a.domain,
        a.status_label,
        d.date,
        a.daily_limit,
        coalesce(r.sent_7d, 0) as sent_7d,
        coalesce(r.days_sending_7d, 0) as days_sending_7d,
        case
            when p.has_leads and p.has_campaigns and coalesce(t.are_told, true) and u.is_untold is null
                then coalesce(f.follow_ups, 0)
        end as follow_ups_due,
        case when p.has_campaigns and coalesce(k.has_senders, true) then coalesce(s.campaigns, 0) end
            as campaigns_scheduled
    from accounts as a
    cross join lateral (select unnest(range(1, 15))::integer + a.as_of_date as date) as d
    left join recent as r on a.workspace_id = r.workspace_id and a.email = r.email
    left join due as f on a.workspace_id = f.workspace_id and a.email = f.email and d.date = f.date
    left join scheduled as s
        on a.workspace_id = s.workspace_id and a.email = s.email and dayofweek(d.date) = s.weekday
    left join streams as p on a.workspace_id = p.workspace_id
    left join contacts as t on a.workspace_id = t.workspace_id
    left join account_untold as u on a.workspace_id = u.workspace_id and a.email = u.email
    left join workspace_senders as k on a.workspace_id = k.workspace_id
),

-- follow-ups whose account is gone count for the workspace: another one has to send them
workspace_due as (
    select
        workspace_id,
        date,
        sum(follow_ups)::bigint as follow_ups
    from due
    group by workspace_id, date
),

workspace_sends as (
    select
        workspace_id,
        count(distinct date) filter (where sent > 0) as days_sending_7d
    from (
        select a.workspace_id, d.date, d.sent
        from accounts as a
        inner join intermediate.int_account_day as d on a.workspace_id = d.workspace_id and a.email = d.email
        where d.date between a.as_of_date - 7 and a.as_of_date - 1
    ) as week_before
    group by workspace_id
),

workspace_days as (
    select
        a.workspace_id,
        null::varchar as email,
        null::varchar as domain,
        null::varchar as status_label,
        a.date,
        whole_sum(a.daily_limit)::bigint as daily_limit,
        sum(a.sent_7d)::bigint as sent_7d,
        coalesce(any_value(s.days_sending_7d), 0) as days_sending_7d,
        case
            when
                any_value(p.has_leads and p.has_campaigns) and coalesce(any_value(t.are_told), true)
                and not coalesce(any_value(u.has_no_steps), false)
                then coalesce(any_value(f.follow_ups), 0)
        end as follow_ups_due,
        case when any_value(p.has_campaigns) then coalesce(any_value(c.campaigns), 0) end as campaigns_scheduled
    from account_days as a
    left join workspace_due as f on a.workspace_id = f.workspace_id and a.date = f.date
    left join workspace_sends as s on a.workspace_id = s.workspace_id
    left join workspace_scheduled as c on a.workspace_id = c.workspace_id and dayofweek(a.date) = c.weekday
    left join streams as p on a.workspace_id = p.workspace_id
    left join contacts as t on a.workspace_id = t.workspace_id
    left join workspace_untold as u on a.workspace_id = u.workspace_id
    group by a.workspace_id, a.date
),

every_day as (
    select *, 'account' as scope from account_days
    union all
    select *, 'workspace' from workspace_days
),

joined as (
    select
        d.workspace_id,
        w.workspace_name,
        d.email,
        d.date,
        d.scope,
        d.domain,
        d.status_label,
        d.follow_ups_due > d.daily_limit as is_over_limit,
        d.campaigns_scheduled,
        d.daily_limit,
        rate_of(d.sent_7d, d.days_sending_7d) as sent_per_sending_day_7d,
        d.follow_ups_due,
        coalesce(n.leads_not_placed, 0) as leads_not_placed,
        case when d.daily_limit - d.follow_ups_due is not null then greatest(d.daily_limit - d.follow_ups_due, 0) end
            as headroom,
        rate_of(d.follow_ups_due, d.daily_limit) as follow_up_load
    from every_day as d
    left join not_placed as n on d.workspace_id = n.workspace_id
    left join marts.dim_workspace as w on d.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, workspace_id, scope desc, date, email

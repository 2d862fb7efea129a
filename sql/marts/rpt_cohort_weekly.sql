-- one row per campaign, week its leads were created and weeks since then, up to the last week read; 26 is 26 and later
-- Weeks begin on Monday, UTC. Leads count for their current or last campaign, deleted leads included.
-- A cohort is fully read if leads were read from its first day on, or if e-mails or events report all its contacts and
-- replies. Otherwise a lead's first contact is dated by its last one before the first sync, so it comes weeks too late.
with leads as (
    select
        workspace_id,
        campaign_id,
        lead_id,
        date_trunc('week', timestamp_created)::date as cohort_week
    from marts.dim_lead
    where campaign_id is not null and timestamp_created is not null
),

-- an open, click or reply implies an e-mail before it
firsts as (
    select
        workspace_id,
        campaign_id,
        lead_id,
        min(occurred_at) filter (
            where event in ('contacted', 'opened', 'clicked', 'replied', 'auto replied')
        ) as contacted_at,
        min(occurred_at) filter (where event = 'replied') as replied_at,
        min(occurred_at) filter (where event = 'interest changed' and interest_kind = 'positive') as positive_at,
        -- a follow-up shows that there was an e-mail before it
        try_cast(arg_min_null(step, occurred_at) filter (where event = 'contacted') as bigint) > 0 as is_late
    from marts.fct_lead_event
    group by workspace_id, campaign_id, lead_id
),

moments as (
    select
        l.workspace_id,
        l.campaign_id,
        l.cohort_week,
        l.lead_id,
        coalesce(f.is_late, false) as is_late,
        cohort_age(l.cohort_week, f.contacted_at) as contacted_in,
        cohort_age(l.cohort_week, f.replied_at) as replied_in,
        cohort_age(l.cohort_week, f.positive_at) as positive_in
    from leads as l
    left join firsts as f
        on l.workspace_id = f.workspace_id and l.campaign_id = f.campaign_id and l.lead_id = f.lead_id
),

-- since when contacts and replies are both reported
reported as (
    select
        workspace_id,
        max(since) as since
    from intermediate.int_event_reach
    where event in ('contacted', 'replied')
    group by workspace_id
    having count(*) = 2
),

cohorts as (
    select
        m.workspace_id,
        m.campaign_id,
        m.cohort_week,
        count(m.lead_id) as leads,
        greatest(
            cohort_age(m.cohort_week, any_value(k.today)),
            max(greatest(m.contacted_in, m.replied_in, m.positive_in, 0))
        ) as last_week,
        any_value(k.today) as today,
        any_value(w.workspace_name) as workspace_name,
        least(any_value(r.first_read_at), any_value(p.since)) as first_read_at,
        coalesce(any_value(r.read_since) <= m.cohort_week, false)
        or coalesce(any_value(p.since) <= m.cohort_week and not bool_or(m.is_late), false) as is_fully_read,
        case
            when is_fully_read then null
            when any_value(p.since) <= m.cohort_week
                then count(*) filter (where m.is_late) || ' of its leads had an e-mail before the first that was read'
            when any_value(r.read_again_at) > m.cohort_week and any_value(r.first_read_at) <= m.cohort_week
                then 'leads were not read for more than a week before ' || any_value(r.read_again_at)::date
            else
                'it began before leads were first read, on '
                || coalesce(any_value(r.first_read_at)::date::varchar, 'an unknown day')
        end as not_fully_read_because
    from moments as m
    left join marts.dim_workspace as w on m.workspace_id = w.workspace_id
    left join intermediate.int_workspace_clock as k on m.workspace_id = k.workspace_id
    left join intermediate.int_leads_read as r on m.workspace_id = r.workspace_id
    left join reported as p on m.workspace_id = p.workspace_id
    group by m.workspace_id, m.campaign_id, m.cohort_week
),

counted as (
    select
        workspace_id,
        campaign_id,
        cohort_week,
        contacted_in as weeks_since,
        contacted_in
    from moments
    where contacted_in is not null
    union all by name
    select
        workspace_id,
        campaign_id,
        cohort_week,
        replied_in as weeks_since,
        replied_in
    from moments
    where replied_in is not null
    union all by name
    select
        workspace_id,
        campaign_id,
        cohort_week,
        positive_in as weeks_since,
        positive_in
    from moments
    where positive_in is not null
    union all by name
    -- every cohort has a row for its first week
    select
        workspace_id,
        campaign_id,
        cohort_week,
        0 as weeks_since
    from cohorts
),

summed as (
    select
        workspace_id,
        campaign_id,
        cohort_week,
        weeks_since,
        count(contacted_in) as contacted,
        count(replied_in) as replied,
        count(positive_in) as positive
    from counted
    group by workspace_id, campaign_id, cohort_week, weeks_since
),

-- only weeks with events: the sums stay the same in between
changes as (
    select
        c.*,
        n.weeks_since as changed_in,
        lead(n.weeks_since) over each_cohort as next_change_in,
        n.contacted,
        n.replied,
        n.positive,
        sum(n.contacted) over each_cohort as contacted_so_far,
        sum(n.replied) over each_cohort as replied_so_far,
        sum(n.positive) over each_cohort as positive_so_far
    from summed as n
    inner join cohorts as c
        on n.workspace_id = c.workspace_id and n.campaign_id = c.campaign_id and n.cohort_week = c.cohort_week
    window each_cohort as (partition by n.workspace_id, n.campaign_id, n.cohort_week order by n.weeks_since)
),

spine as (
    select
        *,
        unnest(range(changed_in, coalesce(next_change_in, last_week + 1))) as weeks_since
    from changes
),

filled as (
    select
        workspace_id,
        workspace_name,
        campaign_id,
        cohort_week,
        weeks_since,
        leads,
        if(weeks_since = changed_in, contacted, 0) as contacted,
        if(weeks_since = changed_in, replied, 0) as replied,
        if(weeks_since = changed_in, positive, 0) as positive,
        contacted_so_far::bigint as contacted_so_far,
        replied_so_far::bigint as replied_so_far,
        positive_so_far::bigint as positive_so_far,
        weeks_since = 26 or cohort_week + 7 * (weeks_since + 1)::integer > today as is_right_censored,
        cohort_week + 7 * weeks_since::integer < first_read_at as is_before_first_read,
        is_fully_read,
        not_fully_read_because
    from spine
),

joined as (
    select
        f.workspace_id,
        f.workspace_name,
        f.campaign_id,
        c.campaign_name,
        f.cohort_week,
        f.weeks_since,
        f.leads,
        f.contacted,
        f.replied,
        f.positive,
        f.contacted_so_far,
        f.replied_so_far,
        f.positive_so_far,
        rate_of(f.contacted_so_far, f.leads) as contacted_rate,
        wilson_low(f.contacted_so_far, f.leads) as contacted_rate_low,
        wilson_high(f.contacted_so_far, f.leads) as contacted_rate_high,
        rate_of(f.replied_so_far, f.leads) as replied_rate,
        wilson_low(f.replied_so_far, f.leads) as replied_rate_low,
        wilson_high(f.replied_so_far, f.leads) as replied_rate_high,
        rate_of(f.positive_so_far, f.leads) as positive_rate,
        wilson_low(f.positive_so_far, f.leads) as positive_rate_low,
        wilson_high(f.positive_so_far, f.leads) as positive_rate_high,
        f.is_right_censored,
        f.is_before_first_read,
        f.is_fully_read,
        f.not_fully_read_because
    from filled as f
    left join intermediate.int_campaign as c on f.workspace_id = c.workspace_id and f.campaign_id = c.campaign_id
)

select * from joined
order by workspace_name, campaign_name, workspace_id, campaign_id, cohort_week, weeks_since

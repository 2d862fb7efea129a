-- one row per listed campaign: how long its uncontacted leads last at the pace of its last 7 sending days
-- Open days do not count for the pace. The days on which leads run out are walked on the campaign's own schedule, in its
-- own time zone: today counts while its hours of sending are not over, with what is left of the pace.
with campaigns as (
    select
        m.workspace_id,
        m.campaign_id,
        c.status,
        c.status_label,
        c.not_sending_status_label,
        c.daily_limit,
        c.daily_max_leads,
        m.uncontacted,
        w.as_of::date as as_of_date,
        coalesce(s.sending_days, [0, 1, 2, 3, 4, 5, 6]) as weekdays,
        len(weekdays) as sending_days_a_week,
        s.ends_on as end_date,
        t.today,
        greatest(t.today, s.starts_on - 1) as last_off, -- `greatest` passes over what is null
        -- what it has done today; null if it does no more
        case when t.is_open_today then figure_of_day(d.date is not null, d.new_leads_contacted) end as done_today
    from intermediate.int_campaign_metrics as m
    inner join marts.dim_campaign as c on m.workspace_id = c.workspace_id and m.campaign_id = c.campaign_id
    inner join marts.dim_workspace as w on m.workspace_id = w.workspace_id
    left join intermediate.int_campaign_schedule as s
        on m.workspace_id = s.workspace_id and m.campaign_id = s.sequence_id
    left join intermediate.int_campaign_today as t
        on m.workspace_id = t.workspace_id and m.campaign_id = t.campaign_id
    left join intermediate.int_campaign_day as d
        on m.workspace_id = d.workspace_id and m.campaign_id = d.campaign_id and t.today = d.date
    where c.is_listed
),

last_days as (
    select
        d.workspace_id,
        d.campaign_id,
        d.date,
        d.sent,
        d.new_leads_contacted
    from intermediate.int_campaign_day as d
    inner join campaigns as c on d.workspace_id = c.workspace_id and d.campaign_id = c.campaign_id
    where d.sent > 0 and d.date < c.as_of_date
    qualify row_number() over (partition by d.workspace_id, d.campaign_id order by d.date desc) <= 7
),

pace as (
    select
        workspace_id,
        campaign_id,
        count(*) as sending_days,
        max(date) as last_sent_on,
        avg(sent) as sent_per_day,
        if(count(new_leads_contacted) = count(*), quantile_cont(new_leads_contacted, 0.25), null)
            as new_leads_per_day_low,
        if(count(new_leads_contacted) = count(*), quantile_cont(new_leads_contacted, 0.5), null) as new_leads_per_day,
        if(count(new_leads_contacted) = count(*), quantile_cont(new_leads_contacted, 0.75), null)
            as new_leads_per_day_high
    from last_days
    group by workspace_id, campaign_id
),

-- campaigns with days without a known number of sends
unknown_sends as (
    select distinct
        workspace_id,
        campaign_id
    from intermediate.int_campaign_day
    where sent is null
),

senders as (
    select
        c.workspace_id,
        c.campaign_id,
        rate_of(whole_sum(d.sent), whole_sum(d.daily_limit)) as utilisation_rate
    from intermediate.int_campaign_sender as c
    inner join last_days as l on c.workspace_id = l.workspace_id and c.campaign_id = l.campaign_id
    inner join intermediate.int_account_day as d
        on c.workspace_id = d.workspace_id and c.email = d.email and l.date = d.date
    where d.sent > 0
    group by c.workspace_id, c.campaign_id
),

rules as (
    select rule_value(rule, value, 'at_limit') as at_limit from seeds.rules
    where mart = 'rpt_runway'
),

measured as (
    select
        c.*,
        p.* exclude (workspace_id, campaign_id),
        s.utilisation_rate as sender_utilisation_rate,
        rate_of(c.uncontacted, p.new_leads_per_day_high) as days_left_low,
        rate_of(c.uncontacted, p.new_leads_per_day) as days_left,
        rate_of(c.uncontacted, p.new_leads_per_day_low) as days_left_high,
        last_contact_day(c.uncontacted, p.new_leads_per_day_high, c.today, c.done_today, c.last_off, c.weekdays)
            as dry_on_low,
        last_contact_day(c.uncontacted, p.new_leads_per_day, c.today, c.done_today, c.last_off, c.weekdays) as dry_on,
        last_contact_day(c.uncontacted, p.new_leads_per_day_low, c.today, c.done_today, c.last_off, c.weekdays)
            as dry_on_high,
        case
            when c.status <> 1 then 'not active: ' || c.status_label
            when c.uncontacted = 0 then 'no uncontacted leads'
            when
                p.sent_per_day is null and (y.stream is null or u.campaign_id is not null)
                then 'not known: no daily figures'
            when p.sent_per_day is null then 'nothing sent yet'
            when rate_of(p.new_leads_per_day, c.daily_max_leads) >= r.at_limit then 'new leads per day of the campaign'
            when rate_of(p.sent_per_day, c.daily_limit) >= r.at_limit then 'daily limit of the campaign'
            when s.utilisation_rate >= r.at_limit then 'daily limits of its accounts'
            when p.new_leads_per_day = 0 then 'follow-ups only'
            when p.new_leads_per_day is null then 'not known: no daily figures of new leads'
            else 'no limit reached'
        end as limited_by
    from campaigns as c
    cross join rules as r
    left join intermediate.int_stream_read as y on c.workspace_id = y.workspace_id and y.stream = 'daily_analytics'
    left join unknown_sends as u on c.workspace_id = u.workspace_id and c.campaign_id = u.campaign_id
    left join pace as p on c.workspace_id = p.workspace_id and c.campaign_id = p.campaign_id
    left join senders as s on c.workspace_id = s.workspace_id and c.campaign_id = s.campaign_id
),

joined as (
    select
        m.workspace_id,
        w.workspace_name,
        m.campaign_id,
        k.campaign_name,
        m.status_label,
        m.not_sending_status_label,
        m.limited_by,
        m.uncontacted,
        m.sending_days as sending_days_counted,
        m.sent_per_day,
        m.new_leads_per_day_low,
        m.new_leads_per_day,
        m.new_leads_per_day_high,
        m.days_left_low,
        m.days_left,
        m.days_left_high,
        m.sending_days_a_week,
        m.daily_limit,
        m.daily_max_leads,
        m.sender_utilisation_rate,
        m.end_date,
        -- a campaign that ends before has leads left
        case when m.status = 1 and coalesce(m.dry_on_low <= m.end_date, true) then m.dry_on_low end as runs_dry_on_low,
        case when m.status = 1 and coalesce(m.dry_on <= m.end_date, true) then m.dry_on end as runs_dry_on,
        case when m.status = 1 and coalesce(m.dry_on_high <= m.end_date, true) then m.dry_on_high end
            as runs_dry_on_high,
        m.last_sent_on,
        m.as_of_date
    from measured as m
    left join marts.dim_workspace as w on m.workspace_id = w.workspace_id
    left join intermediate.int_campaign as k on m.workspace_id = k.workspace_id and m.campaign_id = k.campaign_id
)

select * from joined
order by workspace_name, runs_dry_on nulls last, campaign_name, workspace_id, campaign_id

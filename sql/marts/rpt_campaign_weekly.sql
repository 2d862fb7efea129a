-- one row per campaign and week, from its first week with figures to its last, weeks without activity as zeros
with days as (
    select
        workspace_id,
        campaign_id,
        date_trunc('week', date)::date as week,
        whole_sum(sent)::bigint as sent,
        whole_sum(new_leads_contacted)::bigint as new_leads_contacted,
        whole_sum(replies)::bigint as replies,
        whole_sum(replies_automatic)::bigint as replies_automatic,
        whole_sum(opportunities)::bigint as opportunities
    from intermediate.int_campaign_day
    group by workspace_id, campaign_id, week
),

outcomes as (
    select
        workspace_id,
        campaign_id,
        date_trunc('week', date)::date as week,
        sum(new_positive_leads)::bigint as new_positive_leads,
        sum(new_meeting_leads)::bigint as new_meeting_leads,
        sum(bounced_leads)::bigint as bounced_leads
    from intermediate.int_campaign_outcome_day
    where campaign_id is not null
    group by workspace_id, campaign_id, week
),

reach as (
    select
        workspace_id,
        campaign_id,
        min(week) as first_week,
        max(week) as last_week
    from (
        select workspace_id, campaign_id, week from days
        union all
        select workspace_id, campaign_id, week from outcomes
    ) as every_week
    group by workspace_id, campaign_id
),

spine as (
    select
        workspace_id,
        campaign_id,
        unnest(range(first_week::timestamp, last_week::timestamp + interval 1 day, interval 7 day))::date as week
    from reach
),

figures as (
    select
        s.workspace_id,
        s.campaign_id,
        s.week,
        case when h.has_days then figure_of_day(d.week is not null, d.sent) end as sent,
        case when h.has_days then figure_of_day(d.week is not null, d.new_leads_contacted) end as new_leads_contacted,
        case when h.has_days then figure_of_day(d.week is not null, d.replies) end as replies,
        case when h.has_days then figure_of_day(d.week is not null, d.replies_automatic) end as replies_automatic,
        case when h.has_days then figure_of_day(d.week is not null, d.opportunities) end as opportunities,
        case when h.has_leads then coalesce(o.new_positive_leads, 0) end as new_positive_leads,
        case when h.has_leads then coalesce(o.new_meeting_leads, 0) end as new_meeting_leads,
        case when h.has_leads then coalesce(o.bounced_leads, 0) end as bounced_leads
    from spine as s
    left join days as d on s.workspace_id = d.workspace_id and s.campaign_id = d.campaign_id and s.week = d.week
    left join outcomes as o on s.workspace_id = o.workspace_id and s.campaign_id = o.campaign_id and s.week = o.week
    left join intermediate.int_workspace_streams as h on s.workspace_id = h.workspace_id
),

joined as (
    select
        f.workspace_id,
        w.workspace_name,
        f.campaign_id,
        c.campaign_name,
        f.week,
        is_open_day(f.week + 6, w.as_of) as is_partial,
        f.week < r.first_read_at as is_before_first_read,
        f.sent,
        f.new_leads_contacted,
        f.replies,
        f.replies_automatic,
        f.new_positive_leads,
        f.new_meeting_leads,
        f.opportunities,
        case
            when f.opportunities = 0 then 0
            else f.opportunities * rate_of(m.opportunity_value, m.opportunities)
        end as opportunity_value_estimate,
        f.bounced_leads
    from figures as f
    left join marts.dim_workspace as w on f.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on f.workspace_id = c.workspace_id and f.campaign_id = c.campaign_id
    left join intermediate.int_campaign_metrics as m
        on f.workspace_id = m.workspace_id and f.campaign_id = m.campaign_id
    left join intermediate.int_first_read as r on f.workspace_id = r.workspace_id
)

select * from joined
order by workspace_name, campaign_name, workspace_id, campaign_id, week

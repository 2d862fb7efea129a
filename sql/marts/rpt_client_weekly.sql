-- one row per client and week, from the first week of its campaigns to the current one; null is no client
with campaigns as (
    select
        k.workspace_id,
        k.campaign_id,
        k.is_listed,
        c.client
    from intermediate.int_campaign as k
    left join intermediate.int_campaign_client as c
        on k.workspace_id = c.workspace_id and k.campaign_id = c.campaign_id and c.clients = 1
),

-- the day that is known of all workspaces in which the client has campaigns: one that is left behind holds up no other
clients as (
    select
        c.client,
        coalesce(min(w.as_of) filter (where c.is_listed), max(w.as_of)) as as_of
    from campaigns as c
    inner join marts.dim_workspace as w on c.workspace_id = w.workspace_id
    group by c.client
),

sums as (
    select
        c.client,
        d.week,
        bool_or(d.is_before_first_read) as is_before_first_read,
        case when count(d.sent) = count(*) then count(*) filter (where d.sent > 0) end as campaigns_sending,
        whole_sum(d.sent)::bigint as sent,
        whole_sum(d.new_leads_contacted)::bigint as new_leads_contacted,
        whole_sum(d.replies)::bigint as replies,
        whole_sum(d.new_positive_leads)::bigint as new_positive_leads,
        whole_sum(d.new_meeting_leads)::bigint as new_meeting_leads,
        whole_sum(d.opportunities)::bigint as opportunities,
        whole_sum(d.opportunity_value_estimate) as opportunity_value_estimate
    from marts.rpt_campaign_weekly as d
    inner join campaigns as c on d.workspace_id = c.workspace_id and d.campaign_id = c.campaign_id
    group by c.client, d.week
),

spine as (
    select
        s.client,
        c.as_of,
        unnest(range(
            min(s.week)::timestamp,
            greatest(max(s.week), date_trunc('week', c.as_of)::date)::timestamp + interval 1 day, interval 7 day
        ))::date as week,
        -- a week without a row is zero only where the figure is known of other weeks
        if(count(s.sent) > 0, 0, null) as no_days,
        if(count(s.new_positive_leads) > 0, 0, null) as no_leads
    from sums as s
    inner join clients as c on s.client is not distinct from c.client
    group by s.client, c.as_of
),

figures as (
    select
        p.client,
        p.week,
        p.as_of,
        coalesce(s.is_before_first_read, false) as is_before_first_read,
        if(s.week is null, p.no_days, s.campaigns_sending) as campaigns_sending,
        if(s.week is null, p.no_days, s.sent) as sent,
        if(s.week is null, p.no_days, s.new_leads_contacted) as new_leads_contacted,
        if(s.week is null, p.no_days, s.replies) as replies,
        if(s.week is null, p.no_leads, s.new_positive_leads) as new_positive_leads,
        if(s.week is null, p.no_leads, s.new_meeting_leads) as new_meeting_leads,
        if(s.week is null, p.no_days, s.opportunities) as opportunities,
        if(s.week is null, p.no_days, s.opportunity_value_estimate) as opportunity_value_estimate
    from spine as p
    left join sums as s on p.client is not distinct from s.client and p.week = s.week
),

compared as (
    select
        *,
        lag(sent) over each_client as sent_week_before,
        lag(new_leads_contacted) over each_client as new_leads_contacted_week_before,
        lag(replies) over each_client as replies_week_before,
        lag(new_positive_leads) over each_client as new_positive_leads_week_before,
        lag(new_meeting_leads) over each_client as new_meeting_leads_week_before,
        lag(opportunities) over each_client as opportunities_week_before,
        lag(opportunity_value_estimate) over each_client as opportunity_value_estimate_week_before
    from figures
    window each_client as (partition by client order by week)
),

targets as (
    select
        client,
        max(target) filter (where metric = 'sent') as sent_week_target,
        max(target) filter (where metric = 'new_leads_contacted') as new_leads_contacted_week_target,
        max(target) filter (where metric = 'replies') as replies_week_target,
        max(target) filter (where metric = 'new_positive_leads') as new_positive_leads_week_target,
        max(target) filter (where metric = 'new_meeting_leads') as new_meeting_leads_week_target,
        max(target) filter (where metric = 'opportunities') as opportunities_week_target,
        max(target) filter (where metric = 'opportunity_value_estimate') as opportunity_value_estimate_week_target
    from seeds.client_targets
    group by client
),

outlook as (
    select
        c.client,
        min(r.runs_dry_on) as first_runs_dry_on,
        max(r.runs_dry_on) as last_runs_dry_on
    from marts.rpt_runway as r
    inner join campaigns as c on r.workspace_id = c.workspace_id and r.campaign_id = c.campaign_id
    group by c.client
),

joined as (
    select
        f.client,
        f.week,
        is_open_day(f.week + 6, f.as_of) as is_partial,
        f.is_before_first_read,
        f.campaigns_sending,
        f.sent,
        f.sent_week_before,
        t.sent_week_target,
        f.new_leads_contacted,
        f.new_leads_contacted_week_before,
        t.new_leads_contacted_week_target,
        f.replies,
        f.replies_week_before,
        t.replies_week_target,
        f.new_positive_leads,
        f.new_positive_leads_week_before,
        t.new_positive_leads_week_target,
        f.new_meeting_leads,
        f.new_meeting_leads_week_before,
        t.new_meeting_leads_week_target,
        f.opportunities,
        f.opportunities_week_before,
        t.opportunities_week_target,
        f.opportunity_value_estimate,
        f.opportunity_value_estimate_week_before,
        t.opportunity_value_estimate_week_target,
        o.first_runs_dry_on,
        o.last_runs_dry_on,
        o.first_runs_dry_on - f.as_of::date as days_to_first_dry,
        f.as_of::date as as_of_date
    from compared as f
    left join targets as t on f.client = t.client
    left join outlook as o
        on f.client is not distinct from o.client and f.week = date_trunc('week', f.as_of)::date
)

select * from joined
order by client nulls last, week

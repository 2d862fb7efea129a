-- one row per campaign with its lifetime metrics, deleted campaigns included
with rates as (
    select * from intermediate.int_campaign_rates
),

judged as (
    select
        r.workspace_id,
        r.campaign_id,
        t.title,
        v.x,
        v.n,
        traffic_light(v.x, v.n, t.bad_when, t.warning, t.critical) as light
    from rates as r
    cross join seeds.thresholds as t
    inner join lateral (
        select
            case t.metric
                when 'open_rate' then r.unique_opens
                when 'reply_rate' then r.repliers
                when 'click_rate' then r.unique_clicks
                when 'bounce_rate' then r.bounced
                when 'unsubscribe_rate' then r.unsubscribed
                when 'meeting_rate' then r.meetings
                when 'positive_per_sent' then r.positive_leads
                when 'positive_per_reply' then r.positive_leads
            end as x,
            case t.metric
                when 'bounce_rate' then r.sent
                when 'positive_per_sent' then r.sent
                when 'positive_per_reply' then r.repliers
                else r.leads_reached
            end as n
    ) as v on true
    where t.entity = 'campaign'
),

health as (
    select
        workspace_id,
        campaign_id,
        worst_light(light) as health,
        light_reasons(named_share(title, x, n), light) as reason
    from judged
    group by workspace_id, campaign_id
),

-- what keeps it from sending now, in words, what stops everything first
blocked as (
    select
        workspace_id,
        campaign_id,
        if(bool_or(blocks = 'everything'), 'red', 'amber') as health,
        string_agg(
            detail
            || case
                when since is null or reason = 'schedule ended' then ''
                else ' since ' || shown_day(since) || if(is_since_or_earlier, ' or earlier', '')
            end,
            '; ' order by is_main desc, blocks, reason
        ) as reason
    from intermediate.int_sending_blocker
    where not is_passing
    group by workspace_id, campaign_id
),

-- what a person ended, paused or has not launched is not judged: there is nothing to act on while it rests
resting as (
    select
        c.workspace_id,
        c.campaign_id,
        case
            when c.is_deleted then 'deleted'
            when not c.is_listed and r.has_campaigns then 'no longer listed'
            when c.status = 0 then 'draft, not launched'
            when c.status = 2 then 'paused'
            when c.status = 3 then 'finished'
        end as reason
    from intermediate.int_campaign as c
    left join intermediate.int_workspace_streams as r on c.workspace_id = r.workspace_id
),

joined as (
    select
        r.workspace_id,
        w.workspace_name,
        r.campaign_id,
        c.campaign_name,
        c.status,
        c.status_label,
        c.is_listed,
        c.is_deleted,
        case
            when s.reason is not null then 'grey'
            when b.health = 'red' or h.health = 'red' then 'red'
            else coalesce(b.health, h.health, 'grey')
        end as health,
        coalesce(
            s.reason, b.reason || coalesce('; ' || h.reason, ''), health_reason(h.health, h.reason)
        ) as health_reason,
        case when coalesce(r.positive_per_sent_low, r.reply_rate_low) is not null then rank() over (
            partition by r.workspace_id
            order by r.positive_per_sent_low desc nulls last, r.reply_rate_low desc nulls last
        ) end as rank_in_workspace,
        r.leads_count,
        r.uncontacted,
        r.leads_reached,
        p.contacts_reached,
        r.completed,
        r.sent,
        r.unique_opens,
        r.unique_clicks,
        r.replies,
        r.repliers,
        r.auto_repliers,
        r.positive_leads,
        r.ever_positive_leads,
        r.meetings,
        r.opportunities,
        r.opportunity_value,
        r.bounced,
        r.unsubscribed,
        r.open_rate,
        r.open_rate_low,
        r.open_rate_high,
        r.reply_rate,
        r.reply_rate_low,
        r.reply_rate_high,
        r.click_rate,
        r.click_rate_low,
        r.click_rate_high,
        r.bounce_rate,
        r.bounce_rate_low,
        r.bounce_rate_high,
        r.unsubscribe_rate,
        r.unsubscribe_rate_low,
        r.unsubscribe_rate_high,
        r.meeting_rate,
        r.meeting_rate_low,
        r.meeting_rate_high,
        r.positive_per_sent,
        r.positive_per_sent_low,
        r.positive_per_sent_high,
        r.positive_per_reply,
        r.positive_per_reply_low,
        r.positive_per_reply_high,
        r.auto_reply_share,
        r.auto_reply_share_low,
        r.auto_reply_share_high,
        r.opportunity_value_per_1000_sent,
        r.cost,
        r.cost_per_positive,
        r.cost_per_meeting,
        r.days_active,
        r.first_sent_on,
        r.last_sent_on,
        r.figures_verified_at
    from rates as r
    left join marts.dim_workspace as w on r.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on r.workspace_id = c.workspace_id and r.campaign_id = c.campaign_id
    left join intermediate.int_campaign_contacts as p
        on r.workspace_id = p.workspace_id and r.campaign_id = p.campaign_id
    left join health as h on r.workspace_id = h.workspace_id and r.campaign_id = h.campaign_id
    left join blocked as b on r.workspace_id = b.workspace_id and r.campaign_id = b.campaign_id
    left join resting as s on r.workspace_id = s.workspace_id and r.campaign_id = s.campaign_id
)

select * from joined
order by workspace_name, sent desc nulls last, campaign_name, workspace_id, campaign_id

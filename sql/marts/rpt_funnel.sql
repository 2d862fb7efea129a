-- one row per campaign
with rates as (
    select * from intermediate.int_campaign_rates
),

known as (
    select
        workspace_id,
        campaign_id,
        count(*) as known_leads,
        count(*) filter (where is_verification_known(verification_status)) as checked_leads,
        count(*) filter (where verification_status = 1) as verified_leads,
        count(*) filter (where lt_interest_status = 4 and not is_deleted) as won_leads
    from marts.dim_lead
    where campaign_id is not null
    group by workspace_id, campaign_id
),

-- the API's `leads_count` falls when leads are deleted or moved; a funnel begins with all leads there ever were
stages as (
    select
        r.*,
        case
            when coalesce(r.leads_count, k.known_leads) is not null
                then greatest(r.leads_count, k.known_leads, r.leads_reached + coalesce(r.uncontacted, 0))
        end as leads,
        case when r.positive_leads is not null then coalesce(k.checked_leads, 0) end as checked_leads,
        case when r.positive_leads is not null then coalesce(k.verified_leads, 0) end as verified_leads,
        coalesce(o.total_closed, case when r.positive_leads is not null then coalesce(k.won_leads, 0) end) as won
    from rates as r
    left join known as k on r.workspace_id = k.workspace_id and r.campaign_id = k.campaign_id
    left join staging.stg_campaign_analytics_overview as o
        on r.workspace_id = o.workspace_id and r.campaign_id = o.campaign_id
),

joined as (
    select
        s.workspace_id,
        w.workspace_name,
        s.campaign_id,
        c.campaign_name,
        c.status,
        c.status_label,
        s.leads,
        s.checked_leads,
        s.verified_leads,
        s.leads_reached,
        p.contacts,
        p.contacts_reached,
        s.unique_opens,
        s.repliers,
        s.positive_leads,
        s.ever_positive_leads,
        s.meetings,
        s.won,
        rate_of(s.verified_leads, s.checked_leads) as verified_rate,
        wilson_low(s.verified_leads, s.checked_leads) as verified_rate_low,
        wilson_high(s.verified_leads, s.checked_leads) as verified_rate_high,
        rate_of(s.leads_reached, s.leads) as reached_rate,
        wilson_low(s.leads_reached, s.leads) as reached_rate_low,
        wilson_high(s.leads_reached, s.leads) as reached_rate_high,
        s.open_rate,
        s.open_rate_low,
        s.open_rate_high,
        s.reply_rate,
        s.reply_rate_low,
        s.reply_rate_high,
        s.positive_per_reply,
        s.positive_per_reply_low,
        s.positive_per_reply_high,
        rate_of(s.meetings, s.ever_positive_leads) as meetings_per_positive,
        wilson_low(s.meetings, s.ever_positive_leads) as meetings_per_positive_low,
        wilson_high(s.meetings, s.ever_positive_leads) as meetings_per_positive_high,
        rate_of(s.won, s.meetings) as won_per_meeting,
        wilson_low(s.won, s.meetings) as won_per_meeting_low,
        wilson_high(s.won, s.meetings) as won_per_meeting_high,
        s.meeting_rate,
        s.meeting_rate_low,
        s.meeting_rate_high,
        rate_of(s.won, s.leads_reached) as won_rate,
        wilson_low(s.won, s.leads_reached) as won_rate_low,
        wilson_high(s.won, s.leads_reached) as won_rate_high,
        s.figures_verified_at
    from stages as s
    left join marts.dim_workspace as w on s.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
    left join intermediate.int_campaign_contacts as p
        on s.workspace_id = p.workspace_id and s.campaign_id = p.campaign_id
)

select * from joined
order by workspace_name, leads_reached desc nulls last, campaign_name, workspace_id, campaign_id

-- one row per campaign, recipients' mail provider, and mail provider and domain of the mailbox that last contacted them
-- Leads count for their current or last campaign, deleted leads included. The domain is there because a pair of
-- providers mixes domains: one burnt domain makes the provider of its recipients look bad.
with leads as (
    select
        workspace_id,
        campaign_id,
        contact_of(last_contacted_from) as mailbox,
        coalesce(esp_code_label, 'unknown') as recipient_provider,
        count(lead_id) as contacted_leads,
        count(*) filter (where email_reply_count > 0) as replied_leads,
        count(*) filter (where status = -1) as bounced_leads
    from marts.dim_lead
    where campaign_id is not null and timestamp_last_contact is not null
    group by workspace_id, campaign_id, contact_of(last_contacted_from), coalesce(esp_code_label, 'unknown')
),

counted as (
    select
        l.workspace_id,
        l.campaign_id,
        l.recipient_provider,
        coalesce(a.provider_code_label, 'unknown') as sender_provider,
        coalesce(domain_of(l.mailbox), 'unknown') as sending_domain,
        sum(l.contacted_leads)::bigint as contacted_leads,
        sum(l.replied_leads)::bigint as replied_leads,
        sum(l.bounced_leads)::bigint as bounced_leads
    from leads as l
    left join staging.stg_accounts as a on l.workspace_id = a.workspace_id and l.mailbox = a.email
    group by
        l.workspace_id,
        l.campaign_id,
        l.recipient_provider,
        coalesce(a.provider_code_label, 'unknown'),
        coalesce(domain_of(l.mailbox), 'unknown')
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.campaign_id,
        c.campaign_name,
        n.recipient_provider,
        n.sender_provider,
        n.sending_domain,
        n.contacted_leads,
        n.replied_leads,
        n.bounced_leads,
        rate_of(n.replied_leads, n.contacted_leads) as lead_reply_rate,
        wilson_low(n.replied_leads, n.contacted_leads) as lead_reply_rate_low,
        wilson_high(n.replied_leads, n.contacted_leads) as lead_reply_rate_high,
        rate_of(n.bounced_leads, n.contacted_leads) as lead_bounce_rate,
        wilson_low(n.bounced_leads, n.contacted_leads) as lead_bounce_rate_low,
        wilson_high(n.bounced_leads, n.contacted_leads) as lead_bounce_rate_high,
        n.contacted_leads as leads_reached,
        n.replied_leads as repliers,
        n.bounced_leads as bounced,
        rate_of(n.replied_leads, n.contacted_leads) as reply_rate,
        wilson_low(n.replied_leads, n.contacted_leads) as reply_rate_low,
        wilson_high(n.replied_leads, n.contacted_leads) as reply_rate_high
    from counted as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on n.workspace_id = c.workspace_id and n.campaign_id = c.campaign_id
)

select * from joined
order by
    workspace_name,
    campaign_name,
    workspace_id,
    campaign_id,
    contacted_leads desc,
    recipient_provider,
    sender_provider,
    sending_domain

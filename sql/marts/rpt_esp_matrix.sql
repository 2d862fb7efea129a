-- one row per campaign, mail provider of the recipients and mail provider of the mailbox that last contacted them
-- Leads count for their current or last campaign, deleted leads included.
with leads as (
    select
        workspace_id,
        campaign_id,
        last_contacted_from,
        coalesce(esp_code_label, 'unknown') as recipient_provider,
        count(lead_id) as leads_reached,
        count(*) filter (where email_reply_count > 0) as repliers,
        count(*) filter (where status = -1) as bounced
    from marts.dim_lead
    where campaign_id is not null and timestamp_last_contact is not null
    group by workspace_id, campaign_id, last_contacted_from, coalesce(esp_code_label, 'unknown')
),

counted as (
    select
        l.workspace_id,
        l.campaign_id,
        l.recipient_provider,
        coalesce(a.provider_code_label, 'unknown') as sender_provider,
        sum(l.leads_reached)::bigint as leads_reached,
        sum(l.repliers)::bigint as repliers,
        sum(l.bounced)::bigint as bounced
    from leads as l
    left join staging.stg_accounts as a
        on l.workspace_id = a.workspace_id and contact_of(l.last_contacted_from) = a.email
    group by l.workspace_id, l.campaign_id, l.recipient_provider, coalesce(a.provider_code_label, 'unknown')
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.campaign_id,
        c.campaign_name,
        n.recipient_provider,
        n.sender_provider,
        n.leads_reached,
        n.repliers,
        n.bounced,
        rate_of(n.repliers, n.leads_reached) as reply_rate,
        wilson_low(n.repliers, n.leads_reached) as reply_rate_low,
        wilson_high(n.repliers, n.leads_reached) as reply_rate_high,
        rate_of(n.bounced, n.leads_reached) as lead_bounce_rate,
        wilson_low(n.bounced, n.leads_reached) as lead_bounce_rate_low,
        wilson_high(n.bounced, n.leads_reached) as lead_bounce_rate_high
    from counted as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on n.workspace_id = c.workspace_id and n.campaign_id = c.campaign_id
)

select * from joined
order by
    workspace_name, campaign_name, workspace_id, campaign_id, leads_reached desc, recipient_provider, sender_provider

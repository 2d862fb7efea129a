-- one row per pair of mail providers and sending domain, over all campaigns, with what sets it apart
-- A pair is compared with the rest of its own domain, and with other domains at the same recipients' provider: a burnt
-- domain is worse than the others at every provider, a provider that filters is worse within every domain.
with pairs as (
    select
        workspace_id,
        recipient_provider,
        sender_provider,
        sending_domain,
        sum(contacted_leads) as contacted,
        sum(replied_leads) as replied,
        sum(bounced_leads) as bounced
    from marts.rpt_esp_matrix
    group by workspace_id, recipient_provider, sender_provider, sending_domain
),

compared as (
    select
        *,
        sum(contacted) over domain as domain_contacted,
        sum(replied) over domain as domain_replied,
        sum(bounced) over domain as domain_bounced,
        sum(contacted) over provider - sum(contacted) over own as others_contacted,
        sum(replied) over provider - sum(replied) over own as others_replied,
        sum(bounced) over provider - sum(bounced) over own as others_bounced
    from pairs
    window
        domain as (partition by workspace_id, sending_domain),
        provider as (partition by workspace_id, recipient_provider),
        own as (partition by workspace_id, recipient_provider, sending_domain)
),

judged as (
    select
        *,
        sending_domain <> 'unknown' and is_below(replied, contacted, others_replied, others_contacted)
            as is_domain_low,
        sending_domain <> 'unknown'
        and bounced >= fewest_events()
        and is_below(others_bounced, others_contacted, bounced, contacted) as is_domain_bouncing,
        is_below(replied, contacted, domain_replied - replied, domain_contacted - contacted) as is_pair_low,
        bounced >= fewest_events()
        and is_below(domain_bounced - bounced, domain_contacted - contacted, bounced, contacted) as is_pair_bouncing
    from compared
),

joined as (
    select
        j.workspace_id,
        w.workspace_name,
        j.recipient_provider,
        j.sender_provider,
        j.sending_domain,
        nullif(concat_ws(
            '; ',
            case when j.is_domain_low then 'fewer replies than other domains get there' end,
            case when j.is_domain_bouncing then 'more bounces than other domains have there' end,
            case when j.is_pair_low then 'fewer replies than its domain gets elsewhere' end,
            case when j.is_pair_bouncing then 'more bounces than its domain has elsewhere' end
        ), '') as finding,
        j.contacted::bigint as contacted_leads,
        j.replied::bigint as replied_leads,
        j.bounced::bigint as bounced_leads,
        rate_of(j.replied, j.contacted) as lead_reply_rate,
        wilson_low(j.replied, j.contacted) as lead_reply_rate_low,
        wilson_high(j.replied, j.contacted) as lead_reply_rate_high,
        rate_of(j.bounced, j.contacted) as lead_bounce_rate,
        wilson_low(j.bounced, j.contacted) as lead_bounce_rate_low,
        wilson_high(j.bounced, j.contacted) as lead_bounce_rate_high,
        j.domain_contacted::bigint as domain_contacted_leads,
        j.domain_replied::bigint as domain_replied_leads,
        j.domain_bounced::bigint as domain_bounced_leads,
        rate_of(j.domain_replied, j.domain_contacted) as domain_lead_reply_rate,
        wilson_low(j.domain_replied, j.domain_contacted) as domain_lead_reply_rate_low,
        wilson_high(j.domain_replied, j.domain_contacted) as domain_lead_reply_rate_high,
        rate_of(j.domain_bounced, j.domain_contacted) as domain_lead_bounce_rate,
        wilson_low(j.domain_bounced, j.domain_contacted) as domain_lead_bounce_rate_low,
        wilson_high(j.domain_bounced, j.domain_contacted) as domain_lead_bounce_rate_high
    from judged as j
    left join marts.dim_workspace as w on j.workspace_id = w.workspace_id
)

select * from joined
order by
    workspace_name,
    workspace_id,
    finding nulls last,
    contacted_leads desc,
    recipient_provider,
    sender_provider,
    sending_domain

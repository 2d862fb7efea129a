-- One row per campaign of a client, the 20 of each client that sent last.
select
    k.client,
    s.campaign_name,
    s.status_label,
    s.is_deleted,
    s.health,
    s.health_reason,
    s.sent,
    s.leads_reached,
    s.repliers,
    s.reply_rate,
    s.reply_rate_low,
    s.reply_rate_high,
    s.positive_leads,
    s.meetings,
    s.opportunity_value,
    s.uncontacted,
    r.runs_dry_on,
    count(*) over (partition by k.client) as of_all
from marts.dim_campaign as k
inner join marts.rpt_campaign_summary as s on k.workspace_id = s.workspace_id and k.campaign_id = s.campaign_id
left join marts.rpt_runway as r on k.workspace_id = r.workspace_id and k.campaign_id = r.campaign_id
where k.client is not null
qualify
    row_number() over (partition by k.client order by s.last_sent_on desc nulls last, s.sent desc, k.campaign_id) <= 20
order by k.client, s.last_sent_on desc nulls last, s.sent desc, k.campaign_id

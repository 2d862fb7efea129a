-- One row per workspace: totals of its campaigns. Red and amber ones are counted by their rates alone: what keeps
-- campaigns from sending is told by itself.
with blocked as (
    select distinct
        workspace_id,
        campaign_id
    from marts.rpt_sending_blockers
    where not is_passing
)

select
    s.workspace_id,
    count(*) as campaigns,
    count(*) filter (where s.status = 1 and not s.is_deleted) as active,
    count(*) filter (where s.health = 'green') as green,
    count(*) filter (where s.health = 'amber' and b.campaign_id is null) as amber,
    count(*) filter (where s.health = 'red' and b.campaign_id is null) as red,
    sum(s.sent)::bigint as sent,
    sum(s.leads_reached)::bigint as leads_reached,
    sum(s.repliers)::bigint as repliers,
    sum(s.positive_leads)::bigint as positive_leads,
    1000 * sum(s.positive_leads) filter (where s.sent is not null)
    / nullif(sum(s.sent) filter (where s.positive_leads is not null), 0) as positive_per_1000,
    sum(s.meetings)::bigint as meetings,
    sum(s.opportunity_value) as opportunity_value,
    min(s.campaign_name) filter (where s.health = 'red' and b.campaign_id is null) as a_red_one
from marts.rpt_campaign_summary as s
left join blocked as b on s.workspace_id = b.workspace_id and s.campaign_id = b.campaign_id
group by s.workspace_id

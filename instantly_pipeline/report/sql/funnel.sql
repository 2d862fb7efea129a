-- One row per workspace: the funnels of its campaigns together; opens of those that track them.
select
    workspace_id,
    sum(leads)::bigint as leads,
    sum(checked_leads)::bigint as checked_leads,
    sum(verified_leads)::bigint as verified_leads,
    sum(leads_reached)::bigint as leads_reached,
    sum(unique_opens)::bigint as unique_opens,
    sum(leads_reached) filter (where unique_opens is not null)::bigint as reached_with_tracking,
    sum(repliers)::bigint as repliers,
    sum(positive_leads)::bigint as positive_leads,
    sum(meetings)::bigint as meetings,
    sum(won)::bigint as won
from marts.rpt_funnel
group by workspace_id

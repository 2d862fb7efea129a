-- One row per workspace: the funnels of its campaigns together. Each share is over the campaigns with both stages known.
select
    workspace_id,
    sum(leads)::bigint as leads,
    sum(checked_leads)::bigint as checked_leads,
    sum(verified_leads)::bigint as verified_leads,
    sum(leads_reached)::bigint as leads_reached,
    sum(unique_opens)::bigint as unique_opens,
    sum(leads_reached) filter (where unique_opens is not null)::bigint as reached_with_tracking,
    sum(repliers)::bigint as repliers,
    sum(leads) filter (where leads_reached is not null)::bigint as leads_of_reached,
    sum(leads_reached) filter (where repliers is not null)::bigint as reached_of_repliers,
    sum(repliers) filter (where ever_positive_leads is not null)::bigint as repliers_of_positive,
    sum(ever_positive_leads) filter (where meetings is not null)::bigint as positive_of_meetings,
    sum(meetings) filter (where won is not null)::bigint as meetings_of_won,
    sum(ever_positive_leads)::bigint as ever_positive_leads,
    sum(meetings)::bigint as meetings,
    sum(won)::bigint as won
from marts.rpt_funnel
group by workspace_id

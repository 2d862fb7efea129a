-- On which weekdays and at which hours (UTC) do leads reply?
-- Asked by: sales lead
-- How to read it: watch the inbox in the blocks with most replies; without e-mails and webhook events only the last of several replies of a lead between two syncs has a known time
-- Columns: workspace_name, weekday, hours, replies, share
select
    workspace_name,
    dayname(occurred_at) as weekday,
    printf('%02d to %02d', 4 * (hour(occurred_at) // 4), 4 * (hour(occurred_at) // 4) + 4) as hours,
    count(*) as replies,
    round(count(*) / sum(count(*)) over (partition by workspace_id), 3) as share
from marts.fct_lead_event
where event = 'replied' and is_exact
group by workspace_id, workspace_name, weekday, hours, isodow(occurred_at)
order by workspace_name, workspace_id, isodow(occurred_at), hours

-- How did each client do in the last 30 closed days against the 30 before?
-- Asked by: agency owner
-- How to read it: a client with fewer e-mails and fewer replies per e-mail needs a call first; sql/seeds/clients.csv says which campaigns are whose
-- Columns: client, workspace_name, sent, sent_before, replies, replies_before, replies_per_1000, replies_per_1000_before
with days as (
    select
        d.*,
        coalesce(c.client, '(no client)') as client,
        max(d.date) over (partition by d.workspace_id) - d.date as days_ago
    from marts.fct_campaign_daily as d
    inner join marts.dim_campaign as c on d.workspace_id = c.workspace_id and d.campaign_id = c.campaign_id
    where not d.is_partial
),

sums as (
    select
        client,
        workspace_id,
        workspace_name,
        sum(sent) filter (where days_ago < 30) as sent,
        sum(sent) filter (where days_ago between 30 and 59) as sent_before,
        sum(sent) filter (where days_ago < 30 and replies is not null) as sent_told,
        sum(sent) filter (where days_ago between 30 and 59 and replies is not null) as sent_told_before,
        sum(replies) filter (where days_ago < 30) as replies,
        sum(replies) filter (where days_ago between 30 and 59) as replies_before
    from days
    group by client, workspace_id, workspace_name
)

select
    client,
    workspace_name,
    sent::bigint as sent,
    sent_before::bigint as sent_before,
    replies::bigint as replies,
    replies_before::bigint as replies_before,
    round(1000 * replies / nullif(sent_told, 0), 2) as replies_per_1000,
    round(1000 * replies_before / nullif(sent_told_before, 0), 2) as replies_per_1000_before
from sums
order by
    replies / nullif(sent_told, 0) - replies_before / nullif(sent_told_before, 0) nulls last, client, workspace_name

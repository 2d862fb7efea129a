-- How long do leads take to reply, over all campaigns?
-- Asked by: sales lead
-- How to read it: share_so_far is the share of replies that have come in by then, and shows when a follow-up can go out
-- Columns: workspace_name, bucket, replied_leads, share, share_so_far
with buckets as (
    select
        workspace_name,
        workspace_id,
        bucket,
        from_hours,
        sum(replied_leads) as replied_leads
    from marts.rpt_time_to_reply
    group by all
)

select
    workspace_name,
    bucket,
    replied_leads::bigint as replied_leads,
    round(replied_leads / nullif(sum(replied_leads) over (partition by workspace_id), 0), 3) as share,
    round(
        sum(replied_leads) over (partition by workspace_id order by from_hours)
        / nullif(sum(replied_leads) over (partition by workspace_id), 0), 3
    ) as share_so_far
from buckets
order by workspace_name, workspace_id, from_hours

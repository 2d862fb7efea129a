-- Which sending domains bounce more this week than the week before?
-- Asked by: deliverability
-- How to read it: if the whole domain gets worse, the domain is the problem; a single bad mailbox shows in worst_email
-- Columns: workspace_name, domain, date, health, bounce_rate_7d, bounce_rate_7d_before, worst_email
with days as (
    select
        *,
        max(bounce_rate_7d) over (
            partition by workspace_id, domain
            order by date range between interval 7 day preceding and interval 7 day preceding
        ) as bounce_rate_7d_before
    from marts.rpt_domain_health
    where not is_partial
)

select
    workspace_name,
    domain,
    date,
    health,
    round(bounce_rate_7d, 4) as bounce_rate_7d,
    round(bounce_rate_7d_before, 4) as bounce_rate_7d_before,
    worst_email
from days
where sent > 0
qualify row_number() over (partition by workspace_id, domain order by date desc) = 1
order by bounce_rate_7d - bounce_rate_7d_before desc nulls last, workspace_name, domain

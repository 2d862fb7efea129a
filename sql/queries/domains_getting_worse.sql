-- Which sending domains bounce more this week than the week before?
-- Asked by: deliverability
-- How to read it: a domain that gets worse as a whole has a problem of its own; one bad mailbox shows in worst_email
-- Columns: workspace_name, domain, date, health, bounce_rate_7d, bounce_rate_7d_before, worst_email
with days as (
    select
        *,
        lag(bounce_rate_7d, 7) over (partition by workspace_id, domain order by date) as bounce_rate_7d_before
    from marts.rpt_domain_health
    where not is_partial and sent > 0
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
qualify row_number() over (partition by workspace_id, domain order by date desc) = 1
order by bounce_rate_7d - bounce_rate_7d_before desc nulls last, workspace_name, domain

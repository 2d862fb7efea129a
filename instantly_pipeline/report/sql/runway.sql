-- One row per campaign with leads to contact or a date on which it runs out of leads, the 15 of each workspace that do so first.
select
    workspace_id,
    campaign_name,
    status_label,
    limited_by,
    uncontacted,
    new_leads_per_day,
    days_left_low,
    days_left,
    days_left_high,
    runs_dry_on_low,
    runs_dry_on,
    runs_dry_on_high,
    case when status_label = 'active' then end_date end as end_date,
    runs_dry_on - as_of_date as days_to_date,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_runway
where uncontacted > 0 or runs_dry_on is not null
qualify
    row_number() over (
        partition by workspace_id order by runs_dry_on nulls last, uncontacted desc, campaign_id
    ) <= 15
order by workspace_id, runs_dry_on nulls last, uncontacted desc, campaign_id

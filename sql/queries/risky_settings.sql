-- Which running campaigns have settings that cost deliverability?
-- Asked by: deliverability
-- How to read it: each true is a setting to reconsider, an empty field is unknown; links and tracking pixels hurt most in the first e-mail
-- Columns: workspace_name, campaign_name, open_tracking, link_tracking, allow_risky_contacts, disable_bounce_protect, bounce_rate
with settings as (
    select
        workspace_id,
        id as campaign_id,
        open_tracking,
        link_tracking,
        allow_risky_contacts,
        disable_bounce_protect
    from raw.campaigns
    where _deleted_at is null and status = 1
),

-- opens and clicks that were counted show that tracking is or was on
shown as (
    select
        m.workspace_id,
        m.workspace_name,
        m.campaign_id,
        m.campaign_name,
        m.bounce_rate,
        s.* exclude (workspace_id, campaign_id, open_tracking, link_tracking),
        coalesce(s.open_tracking, nullif(m.unique_opens > 0, false)) as open_tracking,
        coalesce(s.link_tracking, nullif(m.unique_clicks > 0, false)) as link_tracking
    from settings as s
    inner join marts.rpt_campaign_summary as m on s.workspace_id = m.workspace_id and s.campaign_id = m.campaign_id
)

select
    workspace_name,
    campaign_name,
    open_tracking,
    link_tracking,
    allow_risky_contacts,
    disable_bounce_protect,
    round(bounce_rate, 4) as bounce_rate
from shown
where
    coalesce(open_tracking, true) or coalesce(link_tracking, true) or coalesce(allow_risky_contacts, true)
    or coalesce(disable_bounce_protect, true)
order by
    coalesce(open_tracking, false)::int + coalesce(link_tracking, false)::int
    + coalesce(allow_risky_contacts, false)::int + coalesce(disable_bounce_protect, false)::int desc,
    bounce_rate desc nulls last

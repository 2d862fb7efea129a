-- Which running campaigns have settings that cost deliverability?
-- Asked by: deliverability
-- How to read it: each true is a setting to think about; links and tracking pixels hurt most in the first e-mail
-- Columns: workspace_name, campaign_name, open_tracking, link_tracking, allow_risky_contacts, disable_bounce_protect, bounce_rate
with settings as (
    select
        workspace_id,
        id as campaign_id,
        coalesce(open_tracking, false) as open_tracking,
        coalesce(link_tracking, false) as link_tracking,
        coalesce(allow_risky_contacts, false) as allow_risky_contacts,
        coalesce(disable_bounce_protect, false) as disable_bounce_protect
    from raw.campaigns
    where _deleted_at is null and status = 1
)

select
    m.workspace_name,
    m.campaign_name,
    s.open_tracking,
    s.link_tracking,
    s.allow_risky_contacts,
    s.disable_bounce_protect,
    round(m.bounce_rate, 4) as bounce_rate
from settings as s
inner join marts.rpt_campaign_summary as m on s.workspace_id = m.workspace_id and s.campaign_id = m.campaign_id
where s.open_tracking or s.link_tracking or s.allow_risky_contacts or s.disable_bounce_protect
order by
    s.open_tracking::int + s.link_tracking::int + s.allow_risky_contacts::int + s.disable_bounce_protect::int desc,
    m.bounce_rate desc nulls last

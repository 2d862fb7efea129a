-- one row per day of the three daily streams that vanished or fell to zero: what reports show in its place
-- Its last good figures for two syncs in a row; from the third on it is `withdrawn` and zero.
-- The streams differ in their keys and in a few figures; columns that a stream does not have are null.
with days as (
    select 'daily_analytics' as stream, * from staging.stg_daily_analytics
    union all by name
    select 'workspace_daily_analytics' as stream, * from staging.stg_workspace_daily_analytics
    union all by name
    select 'step_analytics' as stream, * from staging.stg_step_analytics
),

collapsed as (
    select * from days
    where is_deleted or not has_figures(greatest(
        sent, contacted, new_leads_contacted, opened, unique_opened, replies, unique_replies, replies_automatic,
        unique_replies_automatic, clicks, unique_clicks, opportunities, unique_opportunities, meetings_booked, won
    ))
),

versions as (
    select 'daily_analytics' as stream, * from history.daily_analytics
    union all by name
    select 'workspace_daily_analytics' as stream, * from history.workspace_daily_analytics
    union all by name
    select 'step_analytics' as stream, * from history.step_analytics
),

last_good as (
    select v.* from versions as v
    semi join collapsed as c on v.stream = c.stream and v.workspace_id = c.workspace_id and v._key = c._key
    where
        v._op = 'upsert' and has_figures(greatest(
            v.sent, v.contacted, v.new_leads_contacted, v.opened, v.unique_opened, v.replies, v.unique_replies,
            v.replies_automatic, v.unique_replies_automatic, v.clicks, v.unique_clicks, v.opportunities,
            v.unique_opportunities, v.meetings_booked, v.won
        ))
    qualify row_number() over (partition by v.stream, v.workspace_id, v._key order by v._valid_from desc) = 1
),

replaced as (
    select
        c.workspace_id,
        c.stream,
        c._key,
        c.campaign_id,
        c.date,
        c.step,
        c.variant,
        if(n.syncs >= 3, 'withdrawn', 'last good') as figures_state,
        if(n.syncs >= 3, 0, g.sent) as sent,
        if(n.syncs >= 3, 0, g.contacted) as contacted,
        if(n.syncs >= 3, 0, g.new_leads_contacted) as new_leads_contacted,
        if(n.syncs >= 3, 0, g.opened) as opened,
        if(n.syncs >= 3, 0, g.unique_opened) as unique_opened,
        if(n.syncs >= 3, 0, g.replies) as replies,
        if(n.syncs >= 3, 0, g.unique_replies) as unique_replies,
        if(n.syncs >= 3, 0, g.replies_automatic) as replies_automatic,
        if(n.syncs >= 3, 0, g.unique_replies_automatic) as unique_replies_automatic,
        if(n.syncs >= 3, 0, g.clicks) as clicks,
        if(n.syncs >= 3, 0, g.unique_clicks) as unique_clicks,
        if(n.syncs >= 3, 0, g.opportunities) as opportunities,
        if(n.syncs >= 3, 0, g.unique_opportunities) as unique_opportunities,
        if(n.syncs >= 3, 0, g.meetings_booked) as meetings_booked,
        if(n.syncs >= 3, 0, g.won) as won,
        c.is_deleted,
        c.first_seen_at
    from collapsed as c
    inner join last_good as g on c.stream = g.stream and c.workspace_id = g.workspace_id and c._key = g._key
    left join meta.collapsed_days as n on c.stream = n.stream and c.workspace_id = n.workspace_id and c._key = n.key
)

select * from replaced

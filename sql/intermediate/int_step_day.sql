-- one row per campaign, day, step and variant: the figures to believe
-- Days that vanish or fall to zero keep their last good figures until that was so in three syncs.
with current_rows as (
    select
        *,
        has_figures(greatest(
            sent, opened, unique_opened, replies, unique_replies, replies_automatic,
            unique_replies_automatic, clicks, unique_clicks, opportunities, unique_opportunities,
            meetings_booked, won
        )) as has_figures
    from staging.stg_step_analytics
),

-- in how many syncs in a row a day was gone or zero that had figures before
notes as (
    select
        workspace_id,
        key,
        syncs
    from meta.collapsed_days
    where stream = 'step_analytics'
),

last_good as (
    select h.* from history.step_analytics as h
    semi join (select workspace_id, _key from current_rows where is_deleted or not has_figures) as c
        on h.workspace_id = c.workspace_id and h._key = c._key
    where h._op = 'upsert' and has_figures(greatest(
        h.sent, h.opened, h.unique_opened, h.replies, h.unique_replies, h.replies_automatic,
        h.unique_replies_automatic, h.clicks, h.unique_clicks, h.opportunities, h.unique_opportunities,
        h.meetings_booked, h.won
    ))
    qualify row_number() over (partition by h.workspace_id, h._key order by h._valid_from desc) = 1
),

states as (
    select
        c.workspace_id,
        c._key,
        figures_state(c.has_figures and not c.is_deleted, g._key is not null, n.syncs) as figures_state
    from current_rows as c
    left join last_good as g on c.workspace_id = g.workspace_id and c._key = g._key
    left join notes as n on c.workspace_id = n.workspace_id and c._key = n.key
),

believed as (
    select
        c.workspace_id,
        c.campaign_id,
        c.date,
        c.step,
        c.variant,
        believed_figure(s.figures_state, c.sent, g.sent) as sent,
        believed_figure(s.figures_state, c.opened, g.opened) as opened,
        believed_figure(s.figures_state, c.unique_opened, g.unique_opened) as unique_opened,
        believed_figure(s.figures_state, c.replies, g.replies) as replies,
        believed_figure(s.figures_state, c.unique_replies, g.unique_replies) as unique_replies,
        believed_figure(s.figures_state, c.replies_automatic, g.replies_automatic) as replies_automatic,
        believed_figure(s.figures_state, c.unique_replies_automatic, g.unique_replies_automatic) as unique_replies_automatic,
        believed_figure(s.figures_state, c.clicks, g.clicks) as clicks,
        believed_figure(s.figures_state, c.unique_clicks, g.unique_clicks) as unique_clicks,
        believed_figure(s.figures_state, c.opportunities, g.opportunities) as opportunities,
        believed_figure(s.figures_state, c.unique_opportunities, g.unique_opportunities) as unique_opportunities,
        believed_figure(s.figures_state, c.meetings_booked, g.meetings_booked) as meetings_booked,
        believed_figure(s.figures_state, c.won, g.won) as won,
        s.figures_state,
        c.is_deleted as is_vanished,
        is_open_day(c.date, c.verified_at) as is_partial,
        c.first_seen_at,
        c.verified_at
    from current_rows as c
    inner join states as s on c.workspace_id = s.workspace_id and c._key = s._key
    left join last_good as g on c.workspace_id = g.workspace_id and c._key = g._key
)

select * from believed

-- one row per campaign, day, step and variant; figures that match no step have null step and variant
with steps as (
    select * from intermediate.int_step_day
),

joined as (
    select
        s.workspace_id,
        w.workspace_name,
        s.campaign_id,
        c.campaign_name,
        s.date,
        s.step,
        s.variant,
        try_cast(s.step as bigint) + 1 as step_number,
        variant_letter(s.variant) as variant_letter,
        s.step is null as is_unmatched,
        s.sent,
        s.opened,
        s.unique_opened,
        s.replies,
        s.unique_replies,
        s.replies_automatic,
        s.unique_replies_automatic,
        s.clicks,
        s.unique_clicks,
        s.opportunities,
        s.unique_opportunities,
        s.meetings_booked,
        s.won,
        s.is_partial,
        s.figures_state,
        s.is_vanished,
        s.first_seen_at,
        s.verified_at
    from steps as s
    left join marts.dim_workspace as w on s.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on s.workspace_id = c.workspace_id and s.campaign_id = c.campaign_id
)

select * from joined
order by workspace_id, campaign_id, date, step nulls last, variant nulls last

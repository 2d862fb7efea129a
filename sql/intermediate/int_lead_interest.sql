-- one row per lead whose interest changed: what it once was
-- What was lost again before a sync shows in events alone.
with changes as (
    select * from marts.fct_lead_event
    where event = 'interest changed'
),

once as (
    select
        workspace_id,
        lead_id,
        bool_or(interest_kind = 'positive') as was_positive,
        bool_or(lt_interest_status in (2, 3, 4)) as had_meeting
    from changes
    group by workspace_id, lead_id
)

select * from once

-- one row per workspace, sequence, sending account and day: follow-ups that fall due by the current sequences
-- An upper bound: leads that reply in the meantime get none. Overdue follow-ups fall on the first day and delay the
-- later ones. None fall due before the first day of the campaign's schedule or after its last.
with first_due as (
    select
        w.*,
        k.as_of::date + 1 as first_day,
        n.days_from_start,
        s.sending_days,
        s.ends_on,
        -- `greatest` passes over what is null
        greatest(
            w.last_sent_on + ceil(n.days_from_start - p.days_from_start)::integer,
            k.as_of::date + 1,
            s.starts_on
        ) as next_due_on
    from intermediate.int_waiting_lead as w
    inner join intermediate.int_workspace_clock as k on w.workspace_id = k.workspace_id
    inner join intermediate.int_step_plan as p
        on w.workspace_id = p.workspace_id and w.sequence_id = p.sequence_id and w.step = p.step
    inner join intermediate.int_step_plan as n
        on w.workspace_id = n.workspace_id and w.sequence_id = n.sequence_id and w.step + 1 = n.step
    left join intermediate.int_campaign_schedule as s
        on w.workspace_id = s.workspace_id and w.sequence_id = s.sequence_id
    where w.last_sent_on is not null and p.days_from_start is not null and n.days_from_start is not null
),

every_due as (
    select
        f.workspace_id,
        f.sequence_id,
        f.campaign_id,
        f.subsequence_id,
        f.email,
        f.sending_days,
        f.ends_on,
        f.first_day,
        f.next_due_on + ceil(p.days_from_start - f.days_from_start)::integer as due_on,
        f.leads
    from first_due as f
    inner join intermediate.int_step_plan as p
        on f.workspace_id = p.workspace_id and f.sequence_id = p.sequence_id and f.step < p.step
    where p.days_from_start is not null
),

-- moved to the sequence's next sending day
on_sending_days as (
    select
        workspace_id,
        sequence_id,
        campaign_id,
        subsequence_id,
        email,
        due_on + days_until(due_on, sending_days) as date,
        sum(leads)::bigint as follow_ups
    from every_due
    where due_on < first_day + 14 and coalesce(due_on + days_until(due_on, sending_days) <= ends_on, true)
    group by all
)

select * from on_sending_days

-- one row per listed sending account and each of the next 14 days
-- Follow-ups are unknown if leads were not read, or if a campaign's leads do not show their last step.
with not_placed as (
    select
        workspace_id,
        coalesce(sum(leads) filter (where not is_placed), 0)::bigint as leads_not_placed
    from intermediate.int_waiting_lead
    group by workspace_id
),

joined as (
    select
        d.workspace_id,
        w.workspace_name,
        d.email,
        d.date,
        'account' as scope,
        d.domain,
        d.status_label,
        d.unusable_because,
        d.follow_ups_due > d.sending_limit as is_over_limit,
        d.campaigns_scheduled,
        d.daily_limit,
        d.usable_limit,
        rate_of(d.sent_7d, len(d.sending_dates_7d)) as sent_per_sending_day_7d,
        d.follow_ups_due,
        d.subsequence_follow_ups_due,
        coalesce(n.leads_not_placed, 0) as leads_not_placed,
        d.headroom,
        rate_of(d.follow_ups_due, d.usable_limit) as follow_up_load
    from intermediate.int_account_capacity as d
    left join not_placed as n on d.workspace_id = n.workspace_id
    left join marts.dim_workspace as w on d.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, workspace_id, date, email

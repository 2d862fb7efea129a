-- one row per campaign and metric that is counted twice: our count, Instantly's, and why they may differ
-- For `sent by step`, `theirs` is the sum of the daily sends over the days whose steps were read.
with compared as (
    select * from intermediate.int_reconciliation
),

streams as (
    select
        workspace_id,
        bool_or(stream = 'leads' and (partial or outcome <> 'ok')) as leads_not_whole,
        bool_or(stream = 'leads' and held_deletes > 0) as leads_held,
        bool_or(stream = 'daily_analytics' and (partial or outcome <> 'ok')) as days_not_whole,
        bool_or(stream = 'step_analytics' and (partial or outcome <> 'ok')) as steps_not_whole
    from meta.stream_status
    group by workspace_id
),

explained as (
    select
        c.workspace_id,
        w.workspace_name,
        c.campaign_id,
        k.campaign_name,
        c.metric,
        abs(c.difference) <= greatest(5, 0.02 * c.theirs) as agrees,
        case
            when c.difference = 0 then 'the same'
            when c.metric = 'leads' and s.leads_not_whole then 'not all leads were read in the last sync'
            when c.metric = 'leads' and c.difference > 0 and s.leads_held then 'deletions are held back'
            when c.metric = 'leads' and c.difference > 0 then 'leads deleted or moved since they were read'
            when c.metric = 'leads' then 'leads added since they were read'
            when c.metric in ('completed', 'bounced', 'unsubscribed') and c.difference < 0
                then 'leads that moved away, were deleted or changed state since still count in the counter'
            when c.metric in ('completed', 'bounced', 'unsubscribed') then 'leads that moved in bring their state along'
            when c.metric = 'sent' and s.days_not_whole then 'not all days were read in the last sync'
            when c.metric = 'sent' then 'days that were restated, or fell away, since the counter was read'
            when s.steps_not_whole then 'steps of some days are still to be read'
            else 'days that were restated since their steps were read'
        end as likely_cause,
        c.ours::bigint as ours,
        c.theirs::bigint as theirs,
        c.difference::bigint as difference,
        rate_of(c.difference, c.theirs) as relative_difference
    from compared as c
    left join streams as s on c.workspace_id = s.workspace_id
    left join marts.dim_workspace as w on c.workspace_id = w.workspace_id
    left join intermediate.int_campaign as k on c.workspace_id = k.workspace_id and c.campaign_id = k.campaign_id
)

select * from explained
order by workspace_name, agrees, abs(difference) desc, campaign_name, metric, workspace_id, campaign_id

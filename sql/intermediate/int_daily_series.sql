-- one row per entity (workspace, campaign, account), metric and closed day of the last 13 weeks
-- Days without activity are zeros. A series ends on the workspace's last closed day; that of an inactive campaign or
-- account ends with its last e-mail.
with clock as (
    select
        workspace_id,
        max(date) as last_date,
        max(date) - 90 as first_date
    from marts.rpt_workspace_daily
    where not is_partial
    group by workspace_id
),

campaign_days as (
    select
        d.workspace_id,
        'campaign' as entity,
        d.campaign_id as entity_id,
        d.date,
        d.sent,
        d.new_leads_contacted,
        c.status = 1 and c.is_listed as goes_on
    from intermediate.int_campaign_day as d
    inner join clock as k on d.workspace_id = k.workspace_id and d.date between k.first_date and k.last_date
    left join intermediate.int_campaign as c on d.workspace_id = c.workspace_id and d.campaign_id = c.campaign_id
),

account_days as (
    select
        d.workspace_id,
        'account' as entity,
        d.email as entity_id,
        d.date,
        d.sent,
        d.new_leads_contacted,
        a.status = 1 and not a.is_deleted as goes_on
    from intermediate.int_account_day as d
    inner join clock as k on d.workspace_id = k.workspace_id and d.date between k.first_date and k.last_date
    left join staging.stg_accounts as a on d.workspace_id = a.workspace_id and d.email = a.email
    where has_send_figures(d.sent, d.bounced, d.contacted, d.replies)
),

workspace_days as (
    select
        d.workspace_id,
        'workspace' as entity,
        d.workspace_id as entity_id,
        d.date,
        d.sent,
        d.new_leads_contacted,
        true as goes_on
    from marts.rpt_workspace_daily as d
    inner join clock as k on d.workspace_id = k.workspace_id and d.date between k.first_date and k.last_date
),

figures as (
    select * from campaign_days
    union all
    select * from account_days
    union all
    select * from workspace_days
),

reach as (
    select
        f.workspace_id,
        f.entity,
        f.entity_id,
        min(f.date) as first_date,
        case when bool_or(f.goes_on) then any_value(k.last_date) else max(f.date) filter (where f.sent > 0) end
            as last_date
    from figures as f
    inner join clock as k on f.workspace_id = k.workspace_id
    group by f.workspace_id, f.entity, f.entity_id
),

spine as (
    select
        workspace_id,
        entity,
        entity_id,
        unnest(generate_series(first_date::timestamp, last_date::timestamp, interval 1 day))::date as date
    from reach
),

filled as (
    select
        s.*,
        figure_of_day(f.date is not null, f.sent) as sent,
        figure_of_day(f.date is not null, f.new_leads_contacted) as new_leads_contacted
    from spine as s
    left join figures as f
        on s.workspace_id = f.workspace_id and s.entity = f.entity and s.entity_id = f.entity_id and s.date = f.date
),

series as (
    select workspace_id, entity, entity_id, 'sent' as metric, date, sent as value from filled where sent is not null
    union all
    select workspace_id, entity, entity_id, 'new_leads_contacted', date, new_leads_contacted from filled
    where new_leads_contacted is not null
)

select * from series

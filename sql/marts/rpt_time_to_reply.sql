-- one row per campaign with replies and bucket of hours between the last e-mail to a lead and its first reply
-- Only first replies with a known time. Of a lead that had replied several times when it was first seen the versions
-- show that of the last one alone; e-mails and events show each.
with replies as (
    select
        workspace_id,
        campaign_id,
        lead_id,
        occurred_at as replied_at,
        is_exact and times <= 1 and not bool_or(time_source = 'before') over each_lead as is_timed
    from marts.fct_lead_event
    where event = 'replied' and campaign_id is not null
    window each_lead as (partition by workspace_id, campaign_id, lead_id)
    qualify row_number() over (each_lead order by occurred_at, source) = 1
),

contacts as (
    select
        workspace_id,
        lead_id,
        occurred_at as contacted_at
    from marts.fct_lead_event
    where event = 'contacted'
),

timed as (
    select
        r.*,
        if(r.is_timed, epoch_ms(r.replied_at - c.contacted_at) / 3600000.0, null) as hours
    from replies as r
    asof left join contacts as c
        on r.workspace_id = c.workspace_id and r.lead_id = c.lead_id and r.replied_at >= c.contacted_at
),

campaigns as (
    select
        workspace_id,
        campaign_id,
        count(hours) as timed_repliers,
        count(*) - count(hours) as untimed_repliers,
        quantile_cont(hours, 0.25) as hours_p25,
        quantile_cont(hours, 0.5) as hours_median,
        quantile_cont(hours, 0.75) as hours_p75,
        quantile_cont(hours, 0.9) as hours_p90
    from timed
    group by workspace_id, campaign_id
),

buckets as (
    select
        bucket,
        from_hours,
        lead(from_hours) over (order by from_hours) as to_hours
    from seeds.reply_time_buckets
),

counted as (
    select
        t.workspace_id,
        t.campaign_id,
        b.bucket,
        count(t.lead_id) as repliers
    from timed as t
    inner join buckets as b on t.hours >= b.from_hours and (b.to_hours is null or t.hours < b.to_hours)
    group by t.workspace_id, t.campaign_id, b.bucket
),

filled as (
    select
        p.*,
        b.bucket,
        b.from_hours,
        b.to_hours,
        coalesce(n.repliers, 0) as repliers,
        sum(coalesce(n.repliers, 0)) over (
            partition by p.workspace_id, p.campaign_id order by b.from_hours
        ) as repliers_so_far
    from campaigns as p
    cross join buckets as b
    left join counted as n
        on p.workspace_id = n.workspace_id and p.campaign_id = n.campaign_id and b.bucket = n.bucket
),

joined as (
    select
        f.workspace_id,
        w.workspace_name,
        f.campaign_id,
        c.campaign_name,
        f.bucket,
        f.from_hours,
        f.to_hours,
        f.repliers as replied_leads,
        f.timed_repliers,
        f.untimed_repliers,
        rate_of(f.repliers, f.timed_repliers) as share,
        wilson_low(f.repliers, f.timed_repliers) as share_low,
        wilson_high(f.repliers, f.timed_repliers) as share_high,
        rate_of(f.repliers_so_far, f.timed_repliers) as share_so_far,
        wilson_low(f.repliers_so_far, f.timed_repliers) as share_so_far_low,
        wilson_high(f.repliers_so_far, f.timed_repliers) as share_so_far_high,
        f.hours_p25,
        f.hours_median,
        f.hours_p75,
        f.hours_p90,
        f.repliers
    from filled as f
    left join marts.dim_workspace as w on f.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on f.workspace_id = c.workspace_id and f.campaign_id = c.campaign_id
)

select * from joined
order by workspace_name, campaign_name, workspace_id, campaign_id, from_hours

-- one row per variant, sender or list that leads replied to: how many of them are positive
-- Each lead counts once per campaign, by its first reply; the sender is the mailbox it answered.
with replies as (
    select
        workspace_id,
        campaign_id,
        lead_id,
        step,
        variant,
        last_contacted_from as mailbox
    from marts.fct_lead_event
    where event = 'replied' and campaign_id is not null
    qualify row_number() over (partition by workspace_id, campaign_id, lead_id order by occurred_at, source) = 1
),

repliers as (
    select
        r.workspace_id,
        r.campaign_id,
        r.step,
        r.variant,
        lower(coalesce(r.mailbox, l.last_contacted_from)) as email,
        l.list_id,
        l.ever_positive
    from replies as r
    inner join marts.dim_lead as l on r.workspace_id = l.workspace_id and r.lead_id = l.lead_id
),

counted as (
    select
        workspace_id,
        'variant' as breakdown,
        campaign_id,
        step,
        variant,
        count(*) as repliers,
        count(*) filter (where ever_positive) as positive_repliers
    from repliers
    group by workspace_id, campaign_id, step, variant
    union all by name
    select
        workspace_id,
        'sender' as breakdown,
        email,
        count(*) as repliers,
        count(*) filter (where ever_positive) as positive_repliers
    from repliers
    group by workspace_id, email
    union all by name
    select
        workspace_id,
        'list' as breakdown,
        list_id,
        count(*) as repliers,
        count(*) filter (where ever_positive) as positive_repliers
    from repliers
    group by workspace_id, list_id
),

shared as (
    select
        *,
        sum(positive_repliers) over (partition by workspace_id, breakdown)::bigint as all_positive_repliers
    from counted
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.breakdown,
        n.campaign_id,
        c.campaign_name,
        n.step,
        n.variant,
        try_cast(n.step as bigint) + 1 as step_number,
        variant_letter(n.variant) as variant_letter,
        n.email,
        n.list_id,
        coalesce(s.name, n.list_id) as list_name,
        n.repliers as replied_leads,
        n.positive_repliers,
        n.all_positive_repliers,
        rate_of(n.positive_repliers, n.repliers) as positive_share,
        wilson_low(n.positive_repliers, n.repliers) as positive_share_low,
        wilson_high(n.positive_repliers, n.repliers) as positive_share_high,
        rate_of(n.positive_repliers, n.all_positive_repliers) as share_of_positive,
        wilson_low(n.positive_repliers, n.all_positive_repliers) as share_of_positive_low,
        wilson_high(n.positive_repliers, n.all_positive_repliers) as share_of_positive_high,
        n.repliers
    from shared as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on n.workspace_id = c.workspace_id and n.campaign_id = c.campaign_id
    left join staging.stg_lead_lists as s on n.workspace_id = s.workspace_id and n.list_id = s.id
)

select * from joined
order by
    workspace_name,
    breakdown,
    positive_repliers desc,
    repliers desc,
    workspace_id,
    campaign_name,
    step,
    variant,
    email,
    list_id

-- one row per campaign that is meant to send and reason why it does not, or not in full
with blockers as (
    select * from intermediate.int_sending_blocker
),

-- the last 7 days before it on which the campaign sent, or for a lack of leads, on which it reached new ones
last_days as (
    select
        b.workspace_id,
        b.campaign_id,
        b.reason,
        d.date,
        d.sent,
        d.new_leads_contacted
    from blockers as b
    inner join intermediate.int_workspace_clock as k on b.workspace_id = k.workspace_id
    inner join intermediate.int_campaign_day as d
        on
            b.workspace_id = d.workspace_id
            and b.campaign_id = d.campaign_id
            and d.date < coalesce(b.since::date, k.today)
    where if(b.reason = 'no leads left', d.new_leads_contacted, d.sent) > 0
    qualify row_number() over (partition by b.workspace_id, b.campaign_id, b.reason order by d.date desc) <= 7
),

pace as (
    select
        workspace_id,
        campaign_id,
        reason,
        count(*) as days_counted,
        avg(sent) as sent_per_day_before,
        avg(new_leads_contacted) as new_leads_per_day_before
    from last_days
    group by workspace_id, campaign_id, reason
),

-- what all campaigns of a mailbox sent on a day
mailbox_days as (
    select
        s.workspace_id,
        s.email,
        d.date,
        sum(d.sent) as sent
    from intermediate.int_campaign_sender as s
    inner join intermediate.int_campaign_day as d on s.workspace_id = d.workspace_id and s.campaign_id = d.campaign_id
    semi join last_days as l on d.workspace_id = l.workspace_id and d.date = l.date
    group by s.workspace_id, s.email, d.date
),

-- of what the mailboxes of the campaign sent for it on these days, the share of the blocked ones. A mailbox sends for
-- several campaigns; what it sent is shared out among them as they sent.
blocked_share as (
    select
        l.workspace_id,
        l.campaign_id,
        l.reason,
        rate_of(
            sum(a.sent * rate_of(l.sent, t.sent)) filter (where l.reason = 'mailboxes ' || m.state),
            sum(a.sent * rate_of(l.sent, t.sent))
        ) as share
    from last_days as l
    inner join intermediate.int_campaign_mailbox as m
        on l.workspace_id = m.workspace_id and l.campaign_id = m.campaign_id
    inner join intermediate.int_account_day as a
        on m.workspace_id = a.workspace_id and m.email = a.email and l.date = a.date
    inner join mailbox_days as t on m.workspace_id = t.workspace_id and m.email = t.email and l.date = t.date
    where l.reason like 'mailboxes%'
    group by l.workspace_id, l.campaign_id, l.reason
),

last_sends as (
    select
        workspace_id,
        campaign_id,
        max(date) as last_sent_on
    from intermediate.int_campaign_day
    where sent > 0
    group by workspace_id, campaign_id
),

joined as (
    select
        b.workspace_id,
        w.workspace_name,
        b.campaign_id,
        c.campaign_name,
        c.status_label,
        b.reason as blocker,
        b.detail,
        b.blocks,
        b.is_passing,
        b.is_main,
        b.since,
        b.is_since_or_earlier,
        b.mailboxes_blocked,
        b.mailboxes,
        l.last_sent_on,
        p.days_counted,
        p.sent_per_day_before,
        p.new_leads_per_day_before,
        case
            when b.is_passing then null
            when b.blocks = 'new leads' then p.new_leads_per_day_before
            when b.blocks = 'part' then p.sent_per_day_before * s.share
            else p.sent_per_day_before
        end as costs_sends_per_day,
        k.today as as_of_date
    from blockers as b
    left join marts.dim_workspace as w on b.workspace_id = w.workspace_id
    left join intermediate.int_workspace_clock as k on b.workspace_id = k.workspace_id
    left join intermediate.int_campaign as c on b.workspace_id = c.workspace_id and b.campaign_id = c.campaign_id
    left join pace as p
        on b.workspace_id = p.workspace_id and b.campaign_id = p.campaign_id and b.reason = p.reason
    left join blocked_share as s
        on b.workspace_id = s.workspace_id and b.campaign_id = s.campaign_id and b.reason = s.reason
    left join last_sends as l on b.workspace_id = l.workspace_id and b.campaign_id = l.campaign_id
)

select * from joined
order by workspace_name, costs_sends_per_day desc nulls last, campaign_name, workspace_id, campaign_id, blocker

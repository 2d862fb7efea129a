-- one row per campaign or subsequence and step that sent, all its variants together
-- Shares are of the campaign's own steps, or of those of the subsequence: what that sends is in its rows alone.
with totals as (
    select
        workspace_id,
        sequence_id,
        campaign_id,
        subsequence_id,
        subsequence_name,
        step,
        whole_sum(sent)::bigint as sent,
        whole_sum(unique_replies)::bigint as unique_replies,
        whole_sum(unique_opportunities)::bigint as unique_opportunities,
        whole_sum(meetings_booked)::bigint as meetings_booked,
        whole_sum(won)::bigint as won
    from intermediate.int_step_total
    where step is not null
    group by all
),

rules as (
    select
        rule_value(rule, value, 'worth_replies_per_1000') as worth_replies_per_1000,
        rule_value(rule, value, 'min_sent') as min_sent,
        rule_value(rule, value, 'min_replies') as min_replies
    from seeds.rules
    where mart = 'rpt_step_dropoff'
),

compared as (
    select
        t.*,
        try_cast(t.step as bigint) as step_index,
        first_value(t.sent) over in_order as sent_first_step,
        case
            when count(t.unique_replies) over in_order = count(*) over in_order
                then sum(t.unique_replies) over in_order
        end as replies_so_far,
        case
            when
                count(t.unique_replies) over (partition by t.workspace_id, t.sequence_id)
                = count(*) over (partition by t.workspace_id, t.sequence_id)
                then sum(t.unique_replies) over (partition by t.workspace_id, t.sequence_id)
        end as replies_in_all
    from totals as t
    where t.sent > 0
    window in_order as (
        partition by t.workspace_id, t.sequence_id order by try_cast(t.step as bigint)
        rows between unbounded preceding and current row
    )
),

joined as (
    select
        c.workspace_id,
        w.workspace_name,
        c.campaign_id,
        k.campaign_name,
        c.subsequence_id,
        c.subsequence_name,
        c.step,
        c.step_index + 1 as step_number,
        case
            when c.sent < r.min_sent or c.unique_replies is null then 'too early'
            when
                c.unique_replies >= r.min_replies
                and 1000 * wilson_low(c.unique_replies, c.sent) >= r.worth_replies_per_1000
                then 'worth it'
            when 1000 * wilson_high(c.unique_replies, c.sent) < r.worth_replies_per_1000 then 'not worth it'
            else 'doubtful'
        end as verdict,
        case
            when c.unique_replies is null then 'its replies are not known'
            when c.sent < r.min_sent then printf('needs %d sent, so far %d', r.min_sent::bigint, c.sent)
            else printf(
                '%.1f replies per 1,000 (%.1f to %.1f), worth it from %.1f on',
                1000 * rate_of(c.unique_replies, c.sent),
                1000 * wilson_low(least(c.unique_replies, c.sent), c.sent),
                1000 * wilson_high(least(c.unique_replies, c.sent), c.sent),
                r.worth_replies_per_1000
            )
        end as verdict_reason,
        d.delay_days as days_after_step_before,
        c.sent,
        rate_of(c.sent, c.sent_first_step) as share_of_first_step,
        c.unique_replies,
        1000 * rate_of(c.unique_replies, c.sent) as replies_per_1000,
        1000 * wilson_low(c.unique_replies, c.sent) as replies_per_1000_low,
        1000 * wilson_high(c.unique_replies, c.sent) as replies_per_1000_high,
        rate_of(c.unique_replies, c.replies_in_all) as share_of_replies,
        rate_of(c.replies_so_far, c.replies_in_all) as cumulative_share_of_replies,
        c.unique_opportunities,
        1000 * rate_of(c.unique_opportunities, c.sent) as opportunities_per_1000,
        c.meetings_booked,
        c.won
    from compared as c
    cross join rules as r
    left join intermediate.int_step_plan as d
        on c.workspace_id = d.workspace_id and c.sequence_id = d.sequence_id and c.step_index = d.step + 1
    left join marts.dim_workspace as w on c.workspace_id = w.workspace_id
    left join intermediate.int_campaign as k on c.workspace_id = k.workspace_id and c.campaign_id = k.campaign_id
)

select * from joined
order by
    workspace_name, campaign_name, workspace_id, campaign_id, subsequence_name nulls first, subsequence_id, step_number

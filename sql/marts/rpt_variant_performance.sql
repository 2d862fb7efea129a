-- one row per campaign or subsequence, step and variant that sent
-- Figures are lifetime figures; if a variant's text changed, the verdict is on both texts together.
with arms as (
    select * from intermediate.int_step_total
    where step is not null and variant is not null and sent > 0
),

rules as (
    select
        rule_value(rule, value, 'min_chance_best') as min_chance_best,
        rule_value(rule, value, 'min_chance_ahead') as min_chance_ahead,
        rule_value(rule, value, 'max_relative_loss') as max_relative_loss,
        rule_value(rule, value, 'min_sent') as min_sent,
        rule_value(rule, value, 'min_replies') as min_replies
    from seeds.rules
    where mart = 'rpt_variant_performance'
),

-- sequences whose steps are known
known as (
    select distinct
        workspace_id,
        sequence_id
    from intermediate.int_variant_copy
),

-- of a subsequence it is not known
first_sends as (
    select
        workspace_id,
        campaign_id as sequence_id,
        step,
        variant,
        min(date) as first_sent_on
    from intermediate.int_step_day
    where sent > 0
    group by workspace_id, campaign_id, step, variant
),

-- who picks the best variant
settings as (
    select
        workspace_id,
        id as sequence_id,
        auto_variant_select
    from staging.stg_campaigns
    union all
    select
        workspace_id,
        id,
        auto_variant_select
    from staging.stg_subsequences
),

joined as (
    select
        a.workspace_id,
        a.sequence_id,
        a.campaign_id,
        a.subsequence_id,
        a.subsequence_name,
        a.step,
        a.variant,
        c.subject,
        case when n.sequence_id is not null then coalesce(c.is_disabled, false) end as is_disabled,
        case when n.sequence_id is not null then coalesce(c.is_current, false) end as is_in_use,
        a.sent,
        a.unique_replies,
        a.unique_opportunities,
        a.meetings_booked,
        a.won,
        p.* exclude (workspace_id, sequence_id, step, variant),
        -- edits before the first e-mail do not count: all its figures are of one text
        c.copy_changed_at::date >= coalesce(f.first_sent_on, c.copy_changed_at::date) as copy_changed,
        c.copy_changed_at,
        k.auto_variant_select ->> '$.trigger' as picked_by,
        count(*) over step as variants,
        rate_of(a.sent, sum(a.sent) over step) as share_of_sent,
        sum((a.sent - average_sent) * (a.sent - average_sent) / average_sent) over step as unevenness,
        min(a.sent) over step as least_sent,
        coalesce(sum(a.unique_replies) over step, 0) as replies_of_step,
        count(a.unique_replies) over step = count(*) over step as has_all_replies,
        rate_of(p.expected_loss, sum(p.posterior_mean * a.sent) over step / sum(a.sent) over step) as relative_loss,
        r.* exclude (min_chance_ahead),
        p.chance_best >= r.min_chance_ahead as is_ahead
    from (
        select *, avg(sent) over (partition by workspace_id, sequence_id, step) as average_sent from arms
    ) as a
    cross join rules as r
    left join intermediate.int_variant_posterior as p
        on
            a.workspace_id = p.workspace_id and a.sequence_id = p.sequence_id and a.step = p.step
            and a.variant = p.variant
    left join intermediate.int_variant_copy as c
        on
            a.workspace_id = c.workspace_id and a.sequence_id = c.sequence_id and a.step = c.step
            and a.variant = c.variant
    left join known as n on a.workspace_id = n.workspace_id and a.sequence_id = n.sequence_id
    left join first_sends as f
        on
            a.workspace_id = f.workspace_id and a.sequence_id = f.sequence_id and a.step = f.step
            and a.variant = f.variant
    left join settings as k on a.workspace_id = k.workspace_id and a.sequence_id = k.sequence_id
    window step as (partition by a.workspace_id, a.sequence_id, a.step)
),

-- A variant is beaten if the leader is better so surely that it would hold for each pair of the step.
sorted as (
    select
        *,
        chance_best >= min_chance_best and relative_loss <= max_relative_loss as is_winner,
        bool_or(chance_best >= min_chance_best and relative_loss <= max_relative_loss) over step as has_winner,
        1 - chance_beaten <= (1 - min_chance_best) / (variants * (variants - 1) / 2) as is_beaten,
        relative_loss <= max_relative_loss as is_good,
        count(*) filter (where relative_loss <= max_relative_loss) over step as good_ones
    from joined
    window step as (partition by workspace_id, sequence_id, step)
),

judged as (
    select
        j.workspace_id,
        w.workspace_name,
        j.campaign_id,
        c.campaign_name,
        j.subsequence_id,
        j.subsequence_name,
        j.step,
        j.variant,
        try_cast(j.step as bigint) + 1 as step_number,
        variant_letter(j.variant) as variant_letter,
        j.subject,
        case
            when j.variants = 1 then 'only variant'
            when j.expected_loss is null or not j.has_all_replies then 'too early'
            when j.least_sent < j.min_sent or j.replies_of_step < j.min_replies then 'too early'
            when j.is_winner then 'winner'
            when j.has_winner or j.is_beaten then 'worse'
            when j.is_good and j.good_ones > 1 then 'as good'
            when j.is_ahead then 'slightly ahead'
            else 'undecided'
        end as verdict,
        case
            when j.variants = 1 then 'nothing to compare it with'
            when j.expected_loss is null then 'its replies are not known'
            when not j.has_all_replies then 'the replies of another variant are not known'
            when j.least_sent < j.min_sent or j.replies_of_step < j.min_replies
                then printf(
                    'needs %d sent each (least has %d) and %d replies in all (so far %d)',
                    j.min_sent::bigint, j.least_sent, j.min_replies::bigint, j.replies_of_step::bigint
                )
            when j.is_winner then printf('best with a chance of %.1f %%', 100 * j.chance_best)
            when j.has_winner or j.is_beaten
                then printf('costs about %.1f replies per 1,000 sent', 1000 * j.expected_loss)
            when j.is_good and j.good_ones > 1
                then printf('costs at most %.0f %% of the replies, as others do', 100 * j.max_relative_loss)
            when j.is_ahead
                then printf(
                    'best with a chance of %.0f %%; a winner needs %.1f %%', 100 * j.chance_best,
                    100 * j.min_chance_best
                )
            else printf('may cost %.1f replies per 1,000 sent', 1000 * j.expected_loss)
        end as verdict_reason,
        j.is_in_use,
        j.is_disabled,
        coalesce(j.copy_changed, false) as copy_changed,
        j.picked_by is not null as is_picked_by_platform,
        j.variants > 1 and j.unevenness > chi_square_999(j.variants - 1) as is_uneven,
        j.variants,
        j.sent,
        j.share_of_sent,
        j.unique_replies,
        rate_of(j.unique_replies, j.sent) as replies_per_sent,
        j.posterior_mean,
        j.posterior_low,
        j.posterior_high,
        j.chance_best,
        j.expected_loss,
        j.relative_loss,
        j.chance_beaten,
        j.prior_a,
        j.prior_b,
        j.copy_changed_at,
        j.unique_opportunities,
        j.meetings_booked,
        j.won
    from sorted as j
    left join marts.dim_workspace as w on j.workspace_id = w.workspace_id
    left join intermediate.int_campaign as c on j.workspace_id = c.workspace_id and j.campaign_id = c.campaign_id
)

select * from judged
order by
    workspace_name, campaign_name, workspace_id, campaign_id, subsequence_name nulls first, subsequence_id, step_number,
    variant

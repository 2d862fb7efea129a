-- one row per text that sent, over all campaigns and steps it is used in; in subsequences apart
-- Texts are the same if they differ only in markup, spaces and case. Figures of a variant whose text changed after its
-- first e-mail are of several texts, so they are left out.
with variants as (
    select
        v.workspace_id,
        c.copy_key,
        v.subsequence_id is not null as in_subsequences,
        v.campaign_id,
        v.subsequence_id,
        v.step_number,
        v.is_in_use and not v.is_disabled as is_in_use,
        v.copy_changed,
        c.plain_subject,
        c.first_words,
        if(v.copy_changed, 0, v.sent) as sent,
        if(v.copy_changed, 0, v.unique_replies) as unique_replies,
        if(v.copy_changed, 0, v.unique_opportunities) as unique_opportunities,
        if(v.copy_changed, 0, v.meetings_booked) as meetings_booked,
        if(v.copy_changed, 0, v.won) as won
    from marts.rpt_variant_performance as v
    inner join intermediate.int_variant_copy as c
        on
            v.workspace_id = c.workspace_id
            and coalesce(v.subsequence_id, v.campaign_id) = c.sequence_id
            and v.step = c.step
            and v.variant = c.variant
    where c.copy_key is not null
),

texts as (
    select
        workspace_id,
        copy_key,
        in_subsequences,
        min(plain_subject) as subject,
        min(first_words) as first_words,
        count(distinct campaign_id) as campaigns,
        count(copy_key) as variants,
        count(*) filter (where copy_changed) as changed_variants,
        array_to_string(list_sort(list(distinct step_number)), ', ') as step_numbers,
        coalesce(bool_or(is_in_use), false) as is_in_use,
        whole_sum(sent)::bigint as sent,
        whole_sum(unique_replies)::bigint as unique_replies,
        whole_sum(unique_opportunities)::bigint as unique_opportunities,
        whole_sum(meetings_booked)::bigint as meetings_booked,
        whole_sum(won)::bigint as won
    from variants
    group by workspace_id, copy_key, in_subsequences
),

joined as (
    select
        t.workspace_id,
        w.workspace_name,
        t.copy_key,
        t.in_subsequences,
        t.subject,
        t.first_words,
        t.is_in_use,
        t.campaigns,
        t.step_numbers,
        t.variants,
        t.changed_variants,
        t.sent,
        t.unique_replies,
        t.unique_opportunities,
        t.meetings_booked,
        t.won,
        rate_of(t.unique_replies, t.sent) as replies_per_sent,
        wilson_low(t.unique_replies, t.sent) as replies_per_sent_low,
        wilson_high(t.unique_replies, t.sent) as replies_per_sent_high,
        rate_of(t.unique_opportunities, t.sent) as opportunities_per_sent,
        wilson_low(t.unique_opportunities, t.sent) as opportunities_per_sent_low,
        wilson_high(t.unique_opportunities, t.sent) as opportunities_per_sent_high,
        rate_of(t.meetings_booked, t.sent) as meetings_per_sent,
        wilson_low(t.meetings_booked, t.sent) as meetings_per_sent_low,
        wilson_high(t.meetings_booked, t.sent) as meetings_per_sent_high,
        rate_of(t.won, t.sent) as won_per_sent,
        wilson_low(t.won, t.sent) as won_per_sent_low,
        wilson_high(t.won, t.sent) as won_per_sent_high
    from texts as t
    left join marts.dim_workspace as w on t.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, workspace_id, in_subsequences, sent desc, copy_key

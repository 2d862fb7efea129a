-- one row per sequence, step and variant that ever existed: its current text, and when that last changed
-- A sequence is a campaign's own, or a subsequence; its id is that of the subsequence, or else of the campaign.
-- Steps and variants are identified by position, as in the figures: inserting a variant changes those after it.
with versions as (
    select
        workspace_id,
        id as campaign_id,
        null as subsequence_id,
        _valid_from at time zone 'UTC' as valid_from,
        _valid_to is null as is_current,
        sequences
    from history.campaigns
    where _op = 'upsert' and json_type(sequences, '$[0].steps') = 'ARRAY'
    union all
    select
        workspace_id,
        parent_campaign,
        id,
        _valid_from at time zone 'UTC',
        _valid_to is null,
        sequences
    from history.subsequences
    where _op = 'upsert' and json_type(sequences, '$[0].steps') = 'ARRAY'
),

steps as (
    select
        * exclude (sequences),
        coalesce(subsequence_id, campaign_id) as sequence_id,
        unnest(range(json_array_length(sequences, '$[0].steps')::bigint)) as step_index,
        unnest(sequences -> '$[0].steps[*]') as step
    from versions
),

-- in an older format the text is in the step itself, without variants
variants as (
    select
        * exclude (step),
        least(greatest(coalesce(
            days_of(step ->> '$.delay', step ->> '$.delay_unit'), try_cast(step ->> '$.delay_days' as double)
        ), 0), 3650) as delay_days,
        -- the wait before the first step of a subsequence
        least(greatest(coalesce(days_of(step ->> '$.pre_delay', step ->> '$.pre_delay_unit'), 0), 0), 3650)
            as pre_delay_days,
        unnest(range(greatest(json_array_length(step, '$.variants'), 1)::bigint)) as variant_index,
        unnest(case when json_array_length(step, '$.variants') > 0 then step -> '$.variants[*]' else [step] end)
            as variant
    from steps
),

texts as (
    select
        * exclude (variant),
        variant ->> '$.subject' as subject,
        plain_text(variant ->> '$.subject') as plain_subject,
        plain_text(variant ->> '$.body') as plain_body,
        coalesce((variant ->> '$.v_disabled') = 'true', false) as is_disabled,
        md5(coalesce(variant ->> '$.subject', '') || chr(0) || coalesce(variant ->> '$.body', '')) as copy
    from variants
),

changes as (
    select
        *,
        lag(copy) over (
            partition by workspace_id, sequence_id, step_index, variant_index order by valid_from
        ) as copy_before
    from texts
),

copies as (
    select
        workspace_id,
        sequence_id,
        arg_max(campaign_id, valid_from) as campaign_id,
        arg_max(subsequence_id, valid_from) as subsequence_id,
        step_index::varchar as step,
        variant_index::varchar as variant,
        arg_max_null(subject, valid_from) as subject,
        arg_max_null(plain_subject, valid_from) as plain_subject,
        arg_max_null(left(plain_body, 80), valid_from) as first_words,
        -- the same for texts that differ only in markup, spaces and case
        arg_max_null(
            case
                when plain_subject is not null or plain_body is not null
                    then md5(lower(coalesce(plain_subject, '') || chr(10) || coalesce(plain_body, '')))
            end,
            valid_from
        ) as copy_key,
        arg_max(is_disabled, valid_from) as is_disabled,
        arg_max(is_current, valid_from) as is_current,
        arg_max(delay_days, valid_from) as delay_days,
        arg_max(pre_delay_days, valid_from) as pre_delay_days,
        count(distinct copy) as copies,
        max(valid_from) filter (where copy <> copy_before) as copy_changed_at
    from changes
    group by workspace_id, sequence_id, step_index, variant_index
)

select * from copies

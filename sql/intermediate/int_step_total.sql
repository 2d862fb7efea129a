-- one row per sequence, step and variant: lifetime figures
-- A sequence is a campaign's own, or a subsequence; its id is that of the subsequence, or else of the campaign. What is
-- sent in a subsequence is not among the steps of its campaign.
with own as (
    select
        workspace_id,
        campaign_id as sequence_id,
        campaign_id,
        null as subsequence_id,
        null as subsequence_name,
        step,
        variant,
        sent,
        unique_replies,
        unique_opportunities,
        meetings_booked,
        won
    from staging.stg_step_analytics_lifetime
),

followed as (
    select
        f.workspace_id,
        f.subsequence_id as sequence_id,
        s.parent_campaign as campaign_id,
        f.subsequence_id,
        s.name as subsequence_name,
        f.step,
        f.variant,
        f.sent,
        f.unique_replies,
        null as unique_opportunities,
        null as meetings_booked,
        null as won
    from staging.stg_subsequence_step_analytics as f
    inner join staging.stg_subsequences as s on f.workspace_id = s.workspace_id and f.subsequence_id = s.id
)

select * from own
union all
select * from followed

-- one row per workspace that sent in its last seven closed days less than a tenth of the seven before
with days as (
    select
        workspace_id,
        date,
        sent_7d,
        lag(sent_7d, 7) over (partition by workspace_id order by date) as sent_7d_before
    from marts.rpt_workspace_daily
    where not is_partial
)

select * from days
qualify
    row_number() over (partition by workspace_id order by date desc) = 1
    and sent_7d_before >= 100
    and sent_7d < sent_7d_before / 10

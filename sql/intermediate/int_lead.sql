-- one row per lead, with its interest decoded by Instantly's and the workspace's own labels
with labels as (
    select * from intermediate.int_interest_label
),

once_positive as (
    select distinct
        h.workspace_id,
        h.id as lead_id
    from history.leads as h
    left join labels as o
        on h.workspace_id = o.workspace_id and h.lt_interest_status = o.interest_status
    where h._op = 'upsert' and interest_kind(h.lt_interest_status, o.kind) = 'positive'
),

decoded as (
    select
        l.*,
        interest_status_label(l.lt_interest_status, o.label) as interest_label,
        interest_kind(l.lt_interest_status, o.kind) as interest_kind,
        p.lead_id is not null as ever_positive
    from staging.stg_leads as l
    left join labels as o
        on l.workspace_id = o.workspace_id and l.lt_interest_status = o.interest_status
    left join once_positive as p
        on l.workspace_id = p.workspace_id and l.id = p.lead_id
)

select * from decoded

-- one row per finding of the suppression audit, reason and certainty: how many contacts it is about
with counted as (
    select
        workspace_id,
        finding,
        suppressed_by,
        is_certain,
        count(email) as contacts,
        sum(contacts_after)::bigint as contacts_after,
        sum(imports_after)::bigint as imports_after,
        case when finding = 'contacted' then max(last_contacted_at) else max(last_imported_at) end as last_at
    from marts.rpt_suppression_audit
    group by workspace_id, finding, suppressed_by, is_certain
),

joined as (
    select
        n.workspace_id,
        w.workspace_name,
        n.finding,
        n.suppressed_by,
        n.is_certain,
        n.contacts,
        n.contacts_after,
        n.imports_after,
        n.last_at
    from counted as n
    left join marts.dim_workspace as w on n.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, workspace_id, finding, is_certain desc, contacts desc, suppressed_by

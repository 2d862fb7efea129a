-- One row per finding of the suppression audit, reason and certainty: numbers of contacts alone.
select
    workspace_id,
    finding,
    suppressed_by,
    is_certain,
    contacts,
    contacts_after,
    imports_after,
    last_at,
    sum(contacts) over (partition by workspace_id)::bigint as all_contacts,
    count(*) over (partition by workspace_id) as of_all
from marts.rpt_suppression_summary
order by workspace_id, finding, is_certain desc, contacts desc, suppressed_by

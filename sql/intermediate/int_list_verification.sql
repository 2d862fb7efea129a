-- one row per listed lead list whose verification statistics were read
with lists as (
    select
        v.workspace_id,
        v.list_id,
        v.total_leads,
        [coalesce(try_cast(v.stats ->> name as bigint), 0) for name in [
            '$.verified', '$.catch_all', '$.risky', '$.invalid', '$.job_change',
            '$.verification_job_pending_leadfinder', '$.verification_job_pending_user'
        ]] as counts,
        v.verified_at
    from staging.stg_lead_list_verification as v
    inner join staging.stg_lead_lists as l on v.workspace_id = l.workspace_id and v.list_id = l.id
    where not l.is_deleted and json_type(v.stats) = 'OBJECT'
)

select
    workspace_id,
    list_id,
    total_leads,
    list_sum(counts[1:5])::bigint as checked_leads,
    counts[1] as verified,
    counts[2] as catch_all,
    counts[3] as risky,
    counts[4] as invalid,
    counts[5] as job_change,
    counts[6] + counts[7] as pending,
    verified_at
from lists

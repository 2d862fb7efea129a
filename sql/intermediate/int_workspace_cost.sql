-- one row per workspace with costs: of a lead that is reached and of an e-mail that is sent
with costs as (
    select * from intermediate.int_workspace_setting
    where kind = 'cost'
)

select
    workspace_id,
    max(value) filter (where name = 'lead') as per_lead,
    max(value) filter (where name = 'email') as per_email
from costs
group by workspace_id

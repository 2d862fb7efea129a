-- one row per workspace and target or cost: the workspace's own line of the seed, or else that for all (*)
with lines as (
    select
        'target' as kind,
        metric as name,
        workspace_id,
        target as value
    from seeds.targets
    union all
    select
        'cost',
        per,
        workspace_id,
        cost
    from seeds.costs
),

chosen as (
    select
        w.workspace_id,
        l.kind,
        l.name,
        l.value
    from intermediate.int_workspace_clock as w
    inner join lines as l on l.workspace_id in (w.workspace_id, '*')
    qualify row_number() over (
        partition by w.workspace_id, l.kind, l.name order by l.workspace_id = '*'
    ) = 1
)

select * from chosen

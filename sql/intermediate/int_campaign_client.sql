-- one row per campaign and client that the most specific lines of seeds.clients give it
-- A line for a campaign comes before one for its tag, and that before one for its workspace.
with lines as (
    select
        client,
        workspace_id,
        match_by,
        match
    from seeds.clients
),

campaigns as (
    select
        k.workspace_id,
        k.campaign_id,
        k.campaign_name,
        w.workspace_name
    from intermediate.int_campaign as k
    left join marts.dim_workspace as w on k.workspace_id = w.workspace_id
),

-- the tags of listed campaigns, and those that a deleted one had to the end; streams are read one after another
tags as (
    select distinct
        m.workspace_id,
        m.resource_id as campaign_id,
        m.tag_id,
        coalesce(t.label, m.tag_id) as label
    from staging.stg_custom_tag_mappings as m
    inner join staging.stg_campaigns as c on m.workspace_id = c.workspace_id and m.resource_id = c.id
    left join staging.stg_custom_tags as t on m.workspace_id = t.workspace_id and m.tag_id = t.id
    where
        m.tag_id is not null
        and (
            (not m.is_deleted and not coalesce(t.is_deleted, false))
            or (c.is_deleted and least(m.deleted_at, t.deleted_at) >= c.deleted_at - interval 1 day)
        )
),

matched as (
    select
        c.workspace_id,
        c.campaign_id,
        l.client,
        l.match_by,
        1 as place
    from campaigns as c
    inner join lines as l
        on
            l.match_by = 'campaign'
            and l.workspace_id in (c.workspace_id, '*')
            and (c.campaign_id = l.match or is_like_name(c.campaign_name, l.match))
    union all
    select
        t.workspace_id,
        t.campaign_id,
        if(l.client = '*', t.label, l.client),
        l.match_by,
        2
    from tags as t
    inner join lines as l
        on
            l.match_by = 'tag'
            and l.workspace_id in (t.workspace_id, '*')
            and (t.tag_id = l.match or is_like_name(t.label, l.match))
    union all
    select
        c.workspace_id,
        c.campaign_id,
        if(l.client = '*', c.workspace_name, l.client),
        l.match_by,
        3
    from campaigns as c
    inner join lines as l
        on
            l.match_by = 'workspace'
            and l.workspace_id in (c.workspace_id, '*')
            and (c.workspace_id = l.match or is_like_name(c.workspace_name, l.match))
),

chosen as (
    select distinct
        workspace_id,
        campaign_id,
        client,
        match_by
    from matched
    qualify rank() over (partition by workspace_id, campaign_id order by place) = 1
)

select
    *,
    count(*) over (partition by workspace_id, campaign_id) as clients
from chosen

-- one row per campaign, deleted ones included
with campaigns as (
    select * from staging.stg_campaigns
),

tagged as (
    select
        workspace_id,
        campaign_id,
        string_agg(label, ', ' order by label, tag_id) as tags
    from intermediate.int_campaign_tag
    group by workspace_id, campaign_id
),

joined as (
    select
        k.workspace_id,
        w.workspace_name,
        k.campaign_id,
        k.campaign_name,
        c.owned_by,
        k.status,
        k.status_label,
        c.not_sending_status,
        c.not_sending_status_label,
        c.is_evergreen,
        k.is_listed,
        k.is_deleted,
        c.open_tracking,
        c.link_tracking,
        c.text_only,
        c.stop_on_reply,
        c.stop_on_auto_reply,
        c.stop_for_company,
        c.match_lead_esp,
        c.campaign_schedule ->> '$.schedules[0].timezone' as timezone,
        case when p.has_tag_mappings and k.is_listed then coalesce(t.tags, '') end as tags,
        o.client,
        json_array_length(c.sequences, '$[0].steps')::bigint as steps,
        variants_of(c.sequences) as variants,
        json_array_length(c.email_list)::bigint as senders,
        json_array_length(c.email_tag_list)::bigint as sender_tags,
        c.daily_limit,
        c.daily_max_leads,
        c.email_gap,
        c.pl_value,
        try_cast(left(c.campaign_schedule ->> '$.start_date', 10) as date) as start_date,
        try_cast(left(c.campaign_schedule ->> '$.end_date', 10) as date) as end_date,
        c.timestamp_created,
        c.timestamp_updated,
        c.first_seen_at,
        c.deleted_at,
        c.verified_at
    from intermediate.int_campaign as k
    left join campaigns as c on k.workspace_id = c.workspace_id and k.campaign_id = c.id
    left join tagged as t on k.workspace_id = t.workspace_id and k.campaign_id = t.campaign_id
    left join intermediate.int_campaign_client as o
        on k.workspace_id = o.workspace_id and k.campaign_id = o.campaign_id and o.clients = 1
    left join intermediate.int_workspace_streams as p on k.workspace_id = p.workspace_id
    left join marts.dim_workspace as w on k.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, campaign_name, workspace_id, campaign_id

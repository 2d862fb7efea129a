-- one row per active campaign: whether its senders and the steps of its leads are known
with tags as (
    select
        workspace_id,
        bool_or(json_type(tags) = 'ARRAY') as has_tags
    from staging.stg_accounts
    where not is_deleted
    group by workspace_id
),

waiting as (
    select
        workspace_id,
        campaign_id,
        not bool_or(is_placed) as has_no_steps,
        not bool_or(is_placed and email is not null) as has_no_mailboxes
    from intermediate.int_waiting_lead
    where subsequence_id is null
    group by workspace_id, campaign_id
),

active as (
    select
        c.workspace_id,
        c.id as campaign_id,
        -- it lists its senders by address, or by tags, and the tags of accounts are known; or the API's mapping was read
        coalesce(
            p.has_account_mappings
            or coalesce(json_array_length(c.email_tag_list), 0) = 0 and json_type(c.email_list) = 'ARRAY'
            or json_array_length(c.email_tag_list) > 0 and (t.has_tags or p.has_tag_mappings), false
        ) as has_known_senders,
        -- none of its waiting leads has a last step, or a mailbox that sent it
        coalesce(w.has_no_steps, false) as has_no_steps,
        coalesce(w.has_no_mailboxes, false) as has_no_mailboxes
    from staging.stg_campaigns as c
    left join tags as t on c.workspace_id = t.workspace_id
    left join intermediate.int_workspace_streams as p on c.workspace_id = p.workspace_id
    left join waiting as w on c.workspace_id = w.workspace_id and c.id = w.campaign_id
    where not c.is_deleted and c.status = 1
)

select * from active

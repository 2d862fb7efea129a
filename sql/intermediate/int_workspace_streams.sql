-- one row per workspace: which streams were ever read
with streams as (
    select
        workspace_id,
        bool_or(stream = 'campaigns') as has_campaigns,
        bool_or(stream = 'leads') as has_leads,
        bool_or(stream = 'accounts') as has_accounts,
        bool_or(stream = 'block_list_entries') as has_block_list,
        bool_or(stream = 'campaign_analytics') as has_figures,
        bool_or(stream = 'daily_analytics') as has_days,
        bool_or(stream = 'account_daily_analytics') as has_sends,
        bool_or(stream = 'custom_tag_mappings') as has_tag_mappings,
        bool_or(stream = 'account_campaign_mappings') as has_account_mappings,
        bool_or(stream = 'subsequences') as has_subsequences
    from intermediate.int_stream_read
    group by workspace_id
)

select * from streams

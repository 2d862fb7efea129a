-- one row per sending account, recipient provider and week with test e-mails, and one for each domain (null email)
with counted as (
    select
        workspace_id,
        domain,
        email,
        recipient_esp,
        any_value(recipient_provider) as recipient_provider,
        date_trunc('week', date)::date as week_start,
        count(*) filter (where not is_received) as sent,
        count(*) filter (where is_received) as received,
        count(landed_in) as placed,
        count(*) filter (where landed_in = 'inbox') as inbox,
        count(*) filter (where landed_in = 'category') as category,
        count(*) filter (where landed_in = 'spam') as spam,
        count(spf_pass) as spf_checked,
        count(*) filter (where spf_pass) as spf_passed,
        count(dkim_pass) as dkim_checked,
        count(*) filter (where dkim_pass) as dkim_passed,
        count(dmarc_pass) as dmarc_checked,
        count(*) filter (where dmarc_pass) as dmarc_passed,
        max(verified_at) as verified_at
    from intermediate.int_placement_email
    group by
        grouping sets (
            (workspace_id, domain, email, recipient_esp, date_trunc('week', date)),
            (workspace_id, domain, recipient_esp, date_trunc('week', date))
        )
),

joined as (
    select
        c.workspace_id,
        w.workspace_name,
        c.domain,
        c.email,
        c.recipient_esp,
        coalesce(c.recipient_provider, 'unknown') as recipient_provider,
        c.week_start,
        case when c.email is null then 'domain' else 'account' end as scope,
        nullif(c.sent, 0) as sent,
        c.received,
        c.placed,
        c.inbox,
        c.category,
        c.spam,
        rate_of(c.inbox, c.placed) as inbox_rate,
        wilson_low(c.inbox, c.placed) as inbox_rate_low,
        wilson_high(c.inbox, c.placed) as inbox_rate_high,
        rate_of(c.category, c.placed) as category_rate,
        wilson_low(c.category, c.placed) as category_rate_low,
        wilson_high(c.category, c.placed) as category_rate_high,
        rate_of(c.spam, c.placed) as spam_rate,
        wilson_low(c.spam, c.placed) as spam_rate_low,
        wilson_high(c.spam, c.placed) as spam_rate_high,
        c.spf_checked,
        c.spf_passed,
        rate_of(c.spf_passed, c.spf_checked) as spf_rate,
        wilson_low(c.spf_passed, c.spf_checked) as spf_rate_low,
        wilson_high(c.spf_passed, c.spf_checked) as spf_rate_high,
        c.dkim_checked,
        c.dkim_passed,
        rate_of(c.dkim_passed, c.dkim_checked) as dkim_rate,
        wilson_low(c.dkim_passed, c.dkim_checked) as dkim_rate_low,
        wilson_high(c.dkim_passed, c.dkim_checked) as dkim_rate_high,
        c.dmarc_checked,
        c.dmarc_passed,
        rate_of(c.dmarc_passed, c.dmarc_checked) as dmarc_rate,
        wilson_low(c.dmarc_passed, c.dmarc_checked) as dmarc_rate_low,
        wilson_high(c.dmarc_passed, c.dmarc_checked) as dmarc_rate_high,
        c.verified_at
    from counted as c
    left join marts.dim_workspace as w on c.workspace_id = w.workspace_id
)

select * from joined
order by workspace_name, week_start desc, domain, email nulls first, recipient_provider, workspace_id

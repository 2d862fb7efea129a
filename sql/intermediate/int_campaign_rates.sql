-- one row per campaign: the metrics as rates with 95 % Wilson intervals, and their numerators and denominators
with metrics as (
    select * from intermediate.int_campaign_metrics
),

rates as (
    select
        m.*,
        rate_of(unique_opens, leads_reached) as open_rate,
        wilson_low(unique_opens, leads_reached) as open_rate_low,
        wilson_high(unique_opens, leads_reached) as open_rate_high,
        rate_of(repliers, leads_reached) as reply_rate,
        wilson_low(repliers, leads_reached) as reply_rate_low,
        wilson_high(repliers, leads_reached) as reply_rate_high,
        rate_of(unique_clicks, leads_reached) as click_rate,
        wilson_low(unique_clicks, leads_reached) as click_rate_low,
        wilson_high(unique_clicks, leads_reached) as click_rate_high,
        rate_of(bounced, sent) as bounce_rate,
        wilson_low(bounced, sent) as bounce_rate_low,
        wilson_high(bounced, sent) as bounce_rate_high,
        rate_of(unsubscribed, leads_reached) as unsubscribe_rate,
        wilson_low(unsubscribed, leads_reached) as unsubscribe_rate_low,
        wilson_high(unsubscribed, leads_reached) as unsubscribe_rate_high,
        rate_of(meetings, leads_reached) as meeting_rate,
        wilson_low(meetings, leads_reached) as meeting_rate_low,
        wilson_high(meetings, leads_reached) as meeting_rate_high,
        rate_of(positive_leads, sent) as positive_per_sent,
        wilson_low(positive_leads, sent) as positive_per_sent_low,
        wilson_high(positive_leads, sent) as positive_per_sent_high,
        rate_of(positive_leads, repliers) as positive_per_reply,
        wilson_low(positive_leads, repliers) as positive_per_reply_low,
        wilson_high(positive_leads, repliers) as positive_per_reply_high,
        rate_of(auto_repliers, auto_repliers + repliers) as auto_reply_share,
        wilson_low(auto_repliers, auto_repliers + repliers) as auto_reply_share_low,
        wilson_high(auto_repliers, auto_repliers + repliers) as auto_reply_share_high,
        rate_of(1000 * opportunity_value, sent) as opportunity_value_per_1000_sent,
        rate_of(cost, positive_leads) as cost_per_positive,
        rate_of(cost, meetings) as cost_per_meeting
    from metrics as m
)

select * from rates

-- Which campaigns bring the most positive leads per 1,000 e-mails, and how sure is that?
-- Asked by: sales lead
-- How to read it: compare the low ends: where two ranges overlap, the campaigns may be equally good; there is a cost once sql/seeds/costs.csv has one
-- Columns: workspace_name, campaign_name, sent, positive_leads, positive_per_1000, low_per_1000, high_per_1000, cost_per_positive, health_reason
select
    workspace_name,
    campaign_name,
    sent,
    positive_leads,
    round(1000 * positive_per_sent, 2) as positive_per_1000,
    round(1000 * positive_per_sent_low, 2) as low_per_1000,
    round(1000 * positive_per_sent_high, 2) as high_per_1000,
    round(cost_per_positive, 2) as cost_per_positive,
    health_reason
from marts.rpt_campaign_summary
where sent >= 100
order by positive_per_sent_low desc nulls last, sent desc

-- Which campaigns should send and do not, why, since when, and what does it cost a day?
-- Asked by: deliverability
-- How to read it: put right first what costs most; add up costs over is_main alone, since further reasons of a campaign cost the same e-mails
-- Empty: every campaign that is meant to send does
-- Columns: workspace_name, campaign_name, why, blocks, since, or_earlier, is_main, costs_sends_per_day, last_sent_on
select
    workspace_name,
    campaign_name,
    detail as why,
    blocks,
    since::date as since,
    is_since_or_earlier as or_earlier,
    is_main,
    round(costs_sends_per_day, 1) as costs_sends_per_day,
    last_sent_on
from marts.rpt_sending_blockers
where not is_passing
order by is_main desc, costs_sends_per_day desc nulls last, workspace_name, campaign_name, blocker

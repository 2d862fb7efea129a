-- Which texts bring opportunities and meetings, over all campaigns that use them?
-- Asked by: sales lead
-- How to read it: compare the low ends, and texts of the same step: first e-mails bring more than follow-ups
-- Columns: workspace_name, subject, first_words, campaigns, step_numbers, sent, unique_replies, unique_opportunities, meetings_booked, won, opportunities_per_1000, low_per_1000, high_per_1000
select
    workspace_name,
    subject,
    first_words,
    campaigns,
    step_numbers,
    sent,
    unique_replies,
    unique_opportunities,
    meetings_booked,
    won,
    round(1000 * opportunities_per_sent, 2) as opportunities_per_1000,
    round(1000 * opportunities_per_sent_low, 2) as low_per_1000,
    round(1000 * opportunities_per_sent_high, 2) as high_per_1000
from marts.rpt_copy_performance
where not in_subsequences and sent >= 100
order by opportunities_per_sent_low desc nulls last, sent desc, copy_key

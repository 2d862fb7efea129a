-- At which hours of the day, in the campaigns' own time zones, do e-mails get answered most?
-- Asked by: deliverability
-- How to read it: compare the ranges: where two overlap, the hours may be equally good; hours with few e-mails say little
-- Empty: e-mails and webhook events are not read (INSTANTLY_STREAMS=core,emails)
-- Columns: workspace_name, weekday_name, hours, sent, sends_replied, replied_per_sent, replied_per_sent_low, replied_per_sent_high
select
    workspace_name,
    weekday_name,
    printf('%02d to %02d', 3 * (hour // 3), 3 * (hour // 3) + 3) as hours,
    sum(sent)::bigint as sent,
    sum(sends_replied)::bigint as sends_replied,
    rate_of(sum(sends_replied), sum(sent)) as replied_per_sent,
    wilson_low(sum(sends_replied), sum(sent)) as replied_per_sent_low,
    wilson_high(sum(sends_replied), sum(sent)) as replied_per_sent_high
from marts.rpt_send_time
group by workspace_id, workspace_name, weekday, weekday_name, hour // 3
order by workspace_name, workspace_id, weekday, hour // 3

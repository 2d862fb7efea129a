-- One row per workspace: its mailboxes by health, and the worst red one.
select
    workspace_id,
    count(*) as mailboxes,
    count(*) filter (where health = 'green') as green,
    count(*) filter (where health = 'amber') as amber,
    count(*) filter (where health = 'red') as red,
    count(*) filter (where health not in ('green', 'amber', 'red')) as grey,
    sum(sent_30d)::bigint as sent_30d,
    sum(sent_30d) filter (where health = 'red')::bigint as sent_30d_by_red
from marts.rpt_sender_health
group by workspace_id

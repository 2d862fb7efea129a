-- One row per workspace: its mailboxes by health, and what they sent.
select
    workspace_id,
    count(*) as mailboxes,
    count(*) filter (where health = 'green') as green,
    count(*) filter (where health = 'amber') as amber,
    count(*) filter (where health = 'red') as red,
    count(*) filter (where health not in ('green', 'amber', 'red')) as grey,
    whole_sum(sent_30d)::bigint as sent_30d,
    whole_sum(if(health = 'red', sent_30d, 0))::bigint as sent_30d_by_red
from marts.rpt_sender_health
group by workspace_id

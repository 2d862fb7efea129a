-- One row per workspace: its mailboxes by health and by act, and what those to rest sent.
select
    workspace_id,
    count(*) as mailboxes,
    count(*) filter (where health = 'green') as green,
    count(*) filter (where health = 'amber') as amber,
    count(*) filter (where health = 'red') as red,
    count(*) filter (where health not in ('green', 'amber', 'red')) as grey,
    count(*) filter (where act = 'reconnect') as to_reconnect,
    count(*) filter (where act = 'rest') as to_rest,
    count(*) filter (where act = 'warm up') as to_warm_up,
    count(*) filter (where act = 'use') as to_use,
    count(*) filter (where act = 'leave') as to_leave,
    count(*) filter (where act = 'warm up' and sent_30d > 0) as sending_to_warm_up,
    whole_sum(sent_30d)::bigint as sent_30d,
    whole_sum(if(act = 'rest', sent_30d, 0))::bigint as sent_30d_to_rest
from marts.rpt_sender_health
group by workspace_id

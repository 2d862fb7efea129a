-- Which variants, senders and lists bring the replies that are positive?
-- Asked by: agency owner
-- How to read it: within a breakdown compare the low ends of positive_share; share_of_positive says how much of the good replies it brought
-- Columns: workspace_name, breakdown, what, replied_leads, positive_repliers, positive_share, positive_share_low, positive_share_high, share_of_positive
select
    workspace_name,
    breakdown,
    case breakdown
        when 'variant' then campaign_name || coalesce(', step ' || step_number || variant_letter, ', step unknown')
        when 'sender' then coalesce(email, 'sender unknown')
        else coalesce(list_name, 'no list')
    end as what,
    replied_leads,
    positive_repliers,
    round(positive_share, 3) as positive_share,
    round(positive_share_low, 3) as positive_share_low,
    round(positive_share_high, 3) as positive_share_high,
    round(share_of_positive, 3) as share_of_positive
from marts.rpt_reply_share
qualify
    row_number() over (partition by workspace_id, breakdown order by positive_share_low desc, replied_leads desc) <= 10
order by workspace_name, breakdown, positive_share_low desc, replied_leads desc

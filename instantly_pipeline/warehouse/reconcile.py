"""Our own counts against Instantly's counters, campaign by campaign.

Not a proof either way: lifetime counters also count leads that moved away since, and daily figures are asked for from
a start date only. Differences are shown and warned about, never acted upon.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb

from instantly_pipeline.lake.logs import LOGS
from instantly_pipeline.warehouse.logtables import FOLDS

# Leads that are gone count by their last status, as they do in a lifetime counter; daily sends only for campaigns that
# were made after the first day we asked for.
_COMPARED = """
with counters as (from raw.campaign_analytics where _deleted_at is null),
leads as (
    select workspace_id, campaign as campaign_id,
        count(*) filter (_deleted_at is null) as leads,
        count(*) filter (status = 3) as completed,
        count(*) filter (status = -1) as bounced,
        count(*) filter (status = -2) as unsubscribed
    from raw.leads where campaign is not null group by all
),
days as (
    select workspace_id, campaign_id, sum(sent) as sent from marts.fct_campaign_daily group by all
),
reach as (select workspace_id, min(date) as first_date from marts.fct_campaign_daily group by all),
step_days as (
    select workspace_id, campaign_id, date, sum(sent) as sent from marts.fct_campaign_step_daily group by all
),
steps as (
    select s.workspace_id, s.campaign_id, sum(s.sent) as steps, sum(d.sent) as days
    from step_days s join marts.fct_campaign_daily d using (workspace_id, campaign_id, date)
    group by all
),
pairs as (
    select c.workspace_id, c.campaign_id, unnest([
        {metric: 'leads', ours: coalesce(l.leads, 0), theirs: c.leads_count},
        {metric: 'completed', ours: coalesce(l.completed, 0), theirs: c.completed_count},
        {metric: 'bounced', ours: coalesce(l.bounced, 0), theirs: c.bounced_count},
        {metric: 'unsubscribed', ours: coalesce(l.unsubscribed, 0), theirs: c.unsubscribed_count}
    ], recursive := true)
    from counters c left join leads l using (workspace_id, campaign_id)
    where exists (from raw.leads r where r.workspace_id = c.workspace_id)
    union all
    select c.workspace_id, c.campaign_id, 'sent', d.sent, c.emails_sent_count
    from counters c
    join days d using (workspace_id, campaign_id)
    join reach r using (workspace_id)
    join raw.campaigns m on m.workspace_id = c.workspace_id and m.id = c.campaign_id
    where (m.timestamp_created at time zone 'UTC')::date >= r.first_date
    union all
    select workspace_id, campaign_id, 'sent by step', steps, days from steps
)
select workspace_id, campaign_id, metric, ours::double, theirs::double, (ours - theirs)::double from pairs
where theirs is not null order by all
"""


def reconcile(con: duckdb.DuckDBPyConnection, *, run_id: str, now: datetime) -> list[dict[str, Any]]:
    """Compare, put the result into `meta.reconciliation`, and return the rows for the lake's log of that name."""
    names = ("workspace_id", "campaign_id", "metric", "ours", "theirs", "difference")
    found = [dict(zip(names, row, strict=True)) for row in con.execute(_COMPARED).fetchall()]
    rows = [{"run_id": run_id, **row, "checked_at": now} for row in found]
    columns = LOGS["reconciliation"].names
    con.begin()
    if rows:
        values = [[row[name] for name in columns] for row in rows]
        marks = ", ".join("?" for _ in columns)
        con.executemany(f"insert into log.reconciliation ({', '.join(columns)}) values ({marks})", values)
    con.execute(f"create or replace table meta.reconciliation as {FOLDS['reconciliation']}")
    con.commit()
    return rows

"""Our own counts against Instantly's counters, campaign by campaign, as `int_reconciliation.sql` compares them.

Not a proof either way: lifetime counters also count leads that moved away since, and daily figures are asked for from
a start date only. Differences are shown and warned about, never acted upon.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from instantly_pipeline.lake.logs import LOGS
from instantly_pipeline.warehouse.load.fold import fold_one
from instantly_pipeline.warehouse.load.meta_tables import RECONCILIATION

_COMPARED = """
select workspace_id, campaign_id, metric, ours, theirs, difference from intermediate.int_reconciliation order by all
"""


def reconcile(con: duckdb.DuckDBPyConnection, *, run_id: str, now: datetime) -> list[dict[str, Any]]:
    """Put the comparison of the models into `meta.reconciliation`; its rows, for the lake's log of that name."""
    names = ("workspace_id", "campaign_id", "metric", "ours", "theirs", "difference")
    found = [dict(zip(names, row, strict=True)) for row in con.execute(_COMPARED).fetchall()]
    rows = [{"run_id": run_id, **row, "checked_at": now} for row in found]
    con.register("compared", pa.Table.from_pylist(rows, schema=LOGS["reconciliation"]))
    con.begin()
    con.execute("insert into log.reconciliation by name from compared")
    fold_one(con, RECONCILIATION)
    con.commit()
    con.unregister("compared")
    return rows

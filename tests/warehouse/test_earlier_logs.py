"""Logs that version 0.1.0 has written: its quarantine held collapsed days and notices, its columns had other names."""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa
import pytest

from instantly_pipeline.lake.logs import LOGS
from instantly_pipeline.lake.schema import UTC_MICROS
from tests.warehouse.lake_writer import LakeWriter, Opener, at, tiny_stream

pytestmark = pytest.mark.medium

THINGS = tiny_stream()
CAMPAIGN = "01990000-0000-7000-8000-000000000001"
DAY, STEP = json.dumps([CAMPAIGN, "2026-02-20"]), json.dumps([CAMPAIGN, "2026-02-21", "0", "1"])
QUARANTINE = pa.schema(
    [
        (name, pa.string())
        for name in ("run_id", "workspace_id", "stream", "key", "column", "expected", "found", "reason")
    ]
    + [("seen_at", UTC_MICROS), ("times", pa.int64())]
)
PUBLISHED = pa.schema(
    [
        ("run_id", pa.string()),
        ("published_at", UTC_MICROS),
        ("storage_version", pa.string()),
        ("synced_to", pa.string()),
    ]
)


def noted(run: int, reason: str, found: str = "", *, key: str | None = DAY, times: int = 1) -> dict[str, object]:
    """A row of its quarantine."""
    return {"run_id": f"r{run}", "stream": "things", "key": key, "column": "date", "expected": "figures",
            "found": found, "reason": reason, "seen_at": at(run), "times": times}  # fmt: skip


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return con.execute(sql).fetchall()


def test_collapsed_days_are_taken_out_of_its_quarantine(lake: LakeWriter, opener: Opener) -> None:
    old = [
        noted(1, "the day vanished", "1 syncs in a row"),
        noted(2, "the day fell to zero", "2 syncs in a row"),
        noted(1, "the day fell to zero", "1 syncs in a row", key=STEP),
        noted(1, "the API refuses it", "2026-02-20"),
    ]
    lake.log("quarantine", old, schema=QUARANTINE)
    con = opener(THINGS, load=True).connection
    days = "select key, date::varchar, kind, syncs, last_seen_at - first_seen_at = to_hours(1) from meta.collapsed_days"
    assert rows(con, days) == [(DAY, "2026-02-20", "zero", 2, True), (STEP, "2026-02-21", "zero", 1, False)]
    assert rows(con, "select reason, found_type, occurrences from meta.quarantine") == [
        ("the API refuses it", "2026-02-20", 1)
    ]


def test_the_count_of_syncs_goes_on_behind_it(lake: LakeWriter, opener: Opener) -> None:
    lake.log("quarantine", [noted(1, "the day vanished", "1 syncs in a row")], schema=QUARANTINE)
    warehouse = opener(THINGS, load=True)
    new = {"run_id": "r2", "stream": "things", "key": DAY, "date": "2026-02-20", "kind": "vanished", "syncs": 2}
    lake.log("collapsed_days", [{**new, "seen_at": at(2)}])
    warehouse.load()
    assert rows(warehouse.connection, "select kind, syncs from meta.collapsed_days") == [("vanished", 2)]


def test_notices_are_taken_out_of_its_quarantine(lake: LakeWriter, opener: Opener) -> None:
    notice = "a sweep found other changes; every sync sweeps all leads from now on"
    lake.log("quarantine", [noted(run, notice, key=None) for run in (1, 2)], schema=QUARANTINE)
    lake.log("notices", [{"run_id": "r3", "stream": "things", "notice": notice, "seen_at": at(3)}])
    con = opener(THINGS, load=True).connection
    assert rows(con, "select notice, occurrences from meta.notices") == [(notice, 3)]
    assert rows(con, "from meta.quarantine") == []


def test_values_that_did_not_fit_are_counted_on(lake: LakeWriter, opener: Opener) -> None:
    lake.log("quarantine", [noted(1, "does not fit", "text", times=3)], schema=QUARANTINE)
    old = noted(2, "does not fit")
    new = {**{k: v for k, v in old.items() if k in LOGS["quarantine"].names}, "found_type": "text", "occurrences": 2}
    lake.log("quarantine", [new])
    con = opener(THINGS, load=True).connection
    assert rows(con, "select found_type, occurrences from meta.quarantine") == [("text", 5)]


def test_its_publications_say_how_far_they_were_synced(lake: LakeWriter, opener: Opener) -> None:
    upto = json.dumps({"ws-1": at(1).isoformat()})
    lake.upsert(THINGS, [{"id": "a", "name": "then"}], 0)
    lake.upsert(THINGS, [{"id": "a", "name": "later"}], 2)
    lake.log("published", [{"published_at": at(1), "synced_to": upto}], schema=PUBLISHED)
    warehouse = opener(THINGS, load=True)
    assert rows(warehouse.connection, "select synced_to, watermark from meta.published") == [(upto, upto)]
    warehouse.load(as_of=at(1))
    assert rows(warehouse.connection, "select name from raw.things") == [("then",)]


def test_logs_that_go_into_one_table_are_loaded_side_by_side(lake: LakeWriter, opener: Opener) -> None:
    for number in range(1, 6):  # from the second time on each has something to fold again
        of_run = {"run_id": f"r{number}", "stream": "daily_analytics", "seen_at": at(number)}
        was = {"key": f'["c","2026-03-0{number}"]', "found_type": "1 syncs in a row", "occurrences": 1}
        lake.log("quarantine", [of_run | was | {"reason": "the day vanished"}])
        lake.log("collapsed_days", [of_run | {"key": f'["d","2026-03-0{number}"]', "kind": "zero", "syncs": 1}])
        lake.log("notices", [of_run | {"notice": "said"}])
        con = opener(load=True).connection
        assert con.execute("select count(*) from meta.collapsed_days").fetchall() == [(2 * number,)]
        assert con.execute("select occurrences from meta.notices").fetchall() == [(number,)]

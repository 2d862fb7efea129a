"""Runs whose clock was wrong: what they dated is corrected by later ones, however it is loaded."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import pytest

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.warehouse.lake_writer import WS, LakeWriter, Opener, at, tiny_stream

pytestmark = pytest.mark.whole

THINGS = tiny_stream()
AHEAD = 48


class Runs:
    """Runs of a sync, each with the hour its clock shows; versions' instants only grow, as the lake's do."""

    def __init__(self, lake: LakeWriter) -> None:
        self._lake = lake
        self._last = at(-1000)
        self._ids = iter(f"{number:03}" for number in range(1, 1000))

    def sync(self, hours: float, *records: dict[str, Any], verified: str | None = "whole", deleted: str = "") -> str:
        """A run that reads some things and ends soon after; `verified` is the greatest key it compared."""
        run, seen = next(self._ids), at(hours + 0.05)
        self._last = max(seen, self._last.replace(microsecond=self._last.microsecond + 1))
        if records:
            self._lake.change_file(THINGS, self._lake.rows(THINGS, records, self._last, run))
        if deleted:
            gone = self._lake.tombstones(THINGS, [{"id": one} for one in deleted], self._last, run)
            self._lake.change_file(THINGS, gone)
        if verified is not None:
            upto = None if verified == "whole" else json.dumps([verified])
            self._lake.log("verified", [{"run_id": run, "stream": "things", "key_to": upto, "verified_at": seen}])
        ended = {"run_id": run, "started_at": at(hours), "ended_at": at(hours + 0.1), "outcome": "ok"}
        self._lake.log("stream_status", [{**ended, "stream": "things"}])
        self._lake.log(
            "quarantine", [{"run_id": run, "stream": "things", "reason": "odd", "seen_at": seen, "occurrences": 1}]
        )
        self._lake.log("sync_runs", [ended])
        watermark = json.dumps({WS: self._last.isoformat()})
        self._lake.log("published", [{"run_id": run, "published_at": at(hours + 0.2), "watermark": watermark}])
        return run


@pytest.fixture
def runs(lake: LakeWriter) -> Runs:
    return Runs(lake)


def verified(warehouse: Warehouse) -> dict[str, datetime]:
    rows = warehouse.connection.execute("select id, _verified_at from raw.things order by id").fetchall()
    return {name: found.astimezone(at(0).tzinfo) for name, found in rows}


def everything(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    names = ["raw.things", "history.things"]
    names += [f"meta.{name}" for name in ("sync_runs", "stream_status", "stream_runs", "quarantine")]
    return {name: warehouse.connection.execute(f"from {name} order by all").fetchall() for name in names}


def test_what_a_clock_dated_that_was_ahead_is_dated_by_the_next_run(runs: Runs, opener: Opener) -> None:
    runs.sync(0, {"id": "a"}, {"id": "b"})
    runs.sync(AHEAD, {"id": "b", "name": "changed"}, {"id": "c"})
    warehouse = opener(THINGS, load=True)
    assert verified(warehouse)["c"] == at(AHEAD + 0.05)
    runs.sync(1, {"id": "c", "name": "changed"}, verified="a")
    warehouse.load()
    assert verified(warehouse) == {"a": at(1.05), "b": at(1), "c": at(1.1)}
    [status] = warehouse.connection.execute("select last_success_at = $1 from meta.stream_status", [at(1.1)]).fetchall()
    assert status == (True,)
    latest = "select max(ended_at) = $1 from meta.sync_runs"
    assert warehouse.connection.execute(latest, [at(1.1)]).fetchall() == [(True,)]


def test_a_stream_that_is_not_read_again_is_corrected_too(runs: Runs, opener: Opener) -> None:
    runs.sync(AHEAD, {"id": "a"})
    warehouse = opener(THINGS, load=True)
    runs.sync(1, verified=None)
    warehouse.load()
    assert verified(warehouse) == {"a": at(1)}
    assert everything(warehouse) == everything(opener(THINGS, load=True))


def test_a_deletion_keeps_its_place_in_the_order_of_versions(runs: Runs, lake: LakeWriter, opener: Opener) -> None:
    runs.sync(AHEAD, {"id": "a"})
    lake.change_file(THINGS, lake.tombstones(THINGS, [{"id": "a"}], at(AHEAD + 0.1), "002"))
    runs.sync(1)
    con = opener(THINGS, load=True).connection
    found = con.execute("select _deleted_at = $1, _verified_at = $2 from raw.things", [at(AHEAD + 0.1), at(1.1)])
    assert found.fetchall() == [(True, True)]


@pytest.mark.parametrize("seed", range(6))
def test_loads_run_by_run_give_what_one_load_gives_whatever_the_clock_did(
    lake: LakeWriter, runs: Runs, opener: Opener, seed: int
) -> None:
    chance = random.Random(seed)
    warehouse = opener(THINGS, load=True)
    for hours in range(1, 12):
        off = chance.choice([0, 0, 0, AHEAD, -AHEAD, 0.3])
        some = [{"id": chance.choice("abcdef"), "count": chance.randrange(9)} for _ in range(chance.randrange(3))]
        kept = {one["id"]: one for one in some}
        deleted = "".join(one for one in "abcdef" if one not in kept and chance.random() < 0.2)
        upto = chance.choice(["whole", "c", None])
        runs.sync(hours + off, *kept.values(), verified=upto, deleted=deleted)
        if chance.random() < 0.6:
            warehouse.load()
    warehouse.load()
    step_by_step = everything(warehouse)
    warehouse.remove()
    assert step_by_step == everything(opener(THINGS, load=True))


def test_a_rebuild_as_of_a_time_holds_nothing_of_a_later_run_whatever_the_clock_did(runs: Runs, opener: Opener) -> None:
    runs.sync(AHEAD, {"id": "a"}, {"id": "b"})
    warehouse = opener(THINGS, load=True)
    then = everything(warehouse)
    runs.sync(1, {"id": "b", "name": "changed"})
    runs.sync(2, {"id": "c"})
    warehouse.load(as_of=at(1))  # the latest it can have been
    assert everything(warehouse) == then


@pytest.mark.parametrize(
    ("hours", "things"),
    [(0.9, "a"), (1, "ab"), (1.1, "ab"), (1.3, "abc"), (2.2, "abcd"), (AHEAD + 0.3, "abcd")],
    ids=str,
)
def test_a_rebuild_as_of_a_time_takes_the_publication_that_meta_published_dates_so(
    runs: Runs, opener: Opener, hours: float, things: str
) -> None:
    """The second run's clock was ahead: it is dated by the beginning of the third."""
    runs.sync(0, {"id": "a"})
    runs.sync(AHEAD, {"id": "b"})
    runs.sync(1, {"id": "c"})
    runs.sync(2, {"id": "d"})
    warehouse = opener(THINGS, load=True)
    last = "select max_by(run_id, run_id) from meta.published where published_at <= $1"
    [(run_id,)] = warehouse.connection.execute(last, [at(hours)]).fetchall()
    warehouse.load(as_of=at(hours))
    assert "".join(verified(warehouse)) == things
    assert warehouse.connection.execute("select max(run_id) from meta.published").fetchall() == [(run_id,)]


def test_marts_take_the_last_run_s_own_clock_for_now(lake: LakeWriter, opener: Opener) -> None:
    """Also after a kill: then the run never said when it ended."""
    ended = {"run_id": "1", "started_at": at(AHEAD), "ended_at": at(AHEAD + 0.1), "outcome": "ok"}
    lake.log("sync_runs", [ended])
    lake.log("verified", [{"run_id": "1", "stream": "campaigns", "verified_at": at(AHEAD)}])
    campaigns = all_streams()["campaigns"]
    lake.change_file(campaigns, lake.rows(campaigns, [{"id": "c", "name": "C"}], at(AHEAD), "1"))
    lake.log("sync_runs", [{"run_id": "2", "started_at": at(1), "outcome": "running"}])
    lake.change_file(campaigns, lake.rows(campaigns, [{"id": "d", "name": "D"}], at(AHEAD + 1), "2"))
    warehouse = opener(load=True)
    warehouse.run_models(["int_workspace_clock"])
    now = "select as_of = $1 from intermediate.int_workspace_clock"
    found = warehouse.connection.execute(now, [at(1).replace(tzinfo=None)])
    assert found.fetchall() == [(True,)]

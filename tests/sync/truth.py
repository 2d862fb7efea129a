"""What the tables must say, computed from what the API said: the mirror of now, and the versions of then."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from instantly_pipeline.lake.records.normalize import Normalizer
from instantly_pipeline.streams.model import Absent
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.sync.harness import LISTS, Bench, assert_same

SQL = Path(__file__).resolve().parents[2] / "sql"
DAILY = "daily_analytics"
STREAMS = (*LISTS, DAILY)
SEED = ("campaigns", "leads", "accounts", "custom_tags", "workspaces")  # whose state has the seed profile's shape
UNHASHED = ("accounts",)  # its tags are sent only when asked for, which the sandbox's state is not
LOOKBACK = timedelta(days=14)
Record = dict[str, Any]
Place = tuple[str, str]  # workspace, stream
Versions = dict[str, list[str | None]]  # by key, oldest first: the hash, None for a deletion


def spoken(at: Bench, space: str, stream: str) -> dict[str, Record]:
    """What the API says now, by key; of daily figures those of the days a sync can ask for."""
    rows = at.state(stream, workspace=space)
    if stream == DAILY:
        rows = [row for row in rows if row["date"] <= str(at.clock.now().date())]
    keys = Normalizer(all_streams()[stream]).keys(rows)
    assert None not in keys
    return {str(key): row for key, row in zip(keys, rows, strict=True)}


class Snapshot:
    """What the API says at one instant, in every workspace."""

    def __init__(self, at: Bench, spaces: list[str], streams: Collection[str]) -> None:
        self.said = {(space, stream): spoken(at, space, stream) for space in spaces for stream in streams}
        self._today = str(at.clock.now().date())
        self._since = str(at.clock.now().date() - LOOKBACK)

    def expected(self, place: Place, known: set[str]) -> dict[str, Record]:
        """What a whole sync reads of a stream, by key; `known` are the campaigns the lake ever knew.

        A deleted campaign is asked for its days while it has one within the lookback.
        """
        space, stream = place
        if stream != DAILY:
            return self.said[place]
        days = self.said[place]
        recent = {row["campaign_id"] for row in days.values() if row["date"] >= self._since} & known
        listed = {row["id"] for row in self.said[space, "campaigns"].values()}
        return {key: row for key, row in days.items() if row["campaign_id"] in recent | listed}

    def is_asked(self, place: Place, key: str) -> bool:
        """Whether a sync asks for the record: not for days that are still to come where the clock went back."""
        return place[1] != DAILY or json.loads(key)[1] <= self._today

    def hashes(self, place: Place) -> dict[str, str]:
        """The hash of each record of a stream."""
        batch = Normalizer(all_streams()[place[1]]).batch(list(self.said[place].values()))
        return dict(zip(batch.keys, batch.hashes, strict=True))


class Tables:
    """What a lake and its warehouse, or the published `file`, hold; the versions of the two agree."""

    def __init__(self, at: Bench, file: Path | None = None) -> None:
        self._lake = {name: _by_place(at, name) for name in STREAMS}
        if file is None:
            streams = {name: all_streams()[name] for name in STREAMS}
            with Warehouse(at.layout, streams, sql_dir=SQL) as warehouse:
                warehouse.load()
                self._read(warehouse.connection)
        else:
            with duckdb.connect(str(file), read_only=True) as con:
                con.execute("set timezone = 'UTC'")
                self._read(con)

    def _read(self, con: duckdb.DuckDBPyConnection) -> None:
        self.raw = {name: _select(con, f"raw.{name}", "_changed_at") for name in STREAMS}
        self.history = {name: _select(con, f"history.{name}", "_valid_from") for name in STREAMS}

    def current(self, place: Place) -> dict[str, Record]:
        """The live records of a stream, by key."""
        space, stream = place
        rows = [row for row in self.raw[stream] if row["workspace_id"] == space]
        assert len({row["_key"] for row in rows}) == len(rows), f"raw.{stream}: a key twice"
        return {row["_key"]: row for row in rows if row["_deleted_at"] is None}

    def campaigns(self, space: str) -> set[str]:
        """Every campaign there ever was."""
        return {row["id"] for row in self.raw["campaigns"] if row["workspace_id"] == space}

    def versions(self, place: Place) -> Versions:
        """Every version of a stream; those of the lake and of the warehouse are the same."""
        space, stream = place
        found: Versions = {}
        ends: dict[str, Any] = {}
        for row in self.history[stream]:
            if row["workspace_id"] == space:
                key = row["_key"]
                assert ends.get(key, row["_valid_from"]) == row["_valid_from"], f"history.{stream} {key}: a gap"
                ends[key] = row["_valid_to"]
                found.setdefault(key, []).append(row["_row_hash"])
        assert all(end is None for end in ends.values()), f"history.{stream}: the last version has an end"
        assert found == self._lake[stream].get(space, {}), f"{stream}: warehouse and lake differ"
        return found


def _select(con: duckdb.DuckDBPyConnection, table: str, order: str) -> list[Record]:
    found = con.execute(f"select * from {table} order by {order}")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _by_place(at: Bench, stream: str) -> dict[str, Versions]:
    found: dict[str, Versions] = {}
    for row in at.rows(stream):
        found.setdefault(row["_ws"], {}).setdefault(row["_key"], []).append(row["_row_hash"])
    return found


def assert_mirrored(said: Snapshot, tables: Tables) -> None:
    """The live rows of `raw` are what the API says, each field, and no others but those a stream keeps."""
    for place in said.said:
        space, stream = place
        current, expected = tables.current(place), said.expected(place, tables.campaigns(space))
        missing, more = expected.keys() - current.keys(), current.keys() - expected.keys()
        if stream == DAILY or all_streams()[stream].absent is Absent.KEEP:
            more = set()
        assert (len(missing), len(more)) == (0, 0), f"{stream}: records missing, records that ought to be gone"
        for key, record in expected.items():
            assert_same(stream, record, current[key])


class Chronicle:
    """The recorded past: what history must hold after a sync that ended well, and since it what may be in it."""

    def __init__(self) -> None:
        self._known: dict[Place, Versions] = {}
        self._since: list[Snapshot] = []

    def may_be_read(self, said: Snapshot) -> None:
        """A sync that may have broken off began, or ended, when the API said this."""
        self._since.append(said)

    def assert_told(self, now: Snapshot, tables: Tables) -> None:
        """History is the one known before, then versions that could be read since, then what the API says now."""
        for place in now.said:
            if place[1] not in UNHASHED:
                last = now.expected(place, tables.campaigns(place[0])).keys()
                self._assert_place(place, now, last, tables.versions(place))
        self._since = []

    def _assert_place(self, place: Place, now: Snapshot, expected: Collection[str], found: Versions) -> None:
        keeps = place[1] != DAILY and all_streams()[place[1]].absent is Absent.KEEP
        readable = [said.hashes(place) for said in [*self._since, now]]
        known = self._known.get(place, {})
        for key in found.keys() | known.keys() | readable[-1].keys():
            before, versions = known.get(key, []), found.get(key, [])
            where = f"{place[1]} {key}"
            assert versions[: len(before)] == before, f"{where}: history was rewritten"
            fresh, last = versions[len(before) :], (before[-1:] or [None])[0]
            assert all(a != b for a, b in pairwise([last, *fresh])), f"{where}: a version twice in a row"
            past = iter(said.get(key) for said in readable)
            assert all(version in past for version in fresh), f"{where}: a version that never was"
            kept = key not in expected and (keeps or key in readable[-1] or not now.is_asked(place, key))
            assert kept or (versions[-1:] or [None])[0] == readable[-1].get(key), f"{where}: not the last version"
        self._known[place] = found

"""The loader: from change files to current state and history, whatever the order and grouping of the files."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.records.canonical import digest, hash_version
from instantly_pipeline.streams.model import Column, Type
from instantly_pipeline.warehouse.load.verified_at import Range, segments
from tests.warehouse.lake_writer import WS, LakeWriter, Opener, at, tiny_stream

pytestmark = pytest.mark.medium

THINGS = tiny_stream()


def current(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Key, name, count and whether it is deleted."""
    return con.execute("select id, name, _deleted_at is not null from raw.things order by _key").fetchall()


def versions(con: duckdb.DuckDBPyConnection, key: str) -> list[tuple[Any, ...]]:
    """Operation and name of every version of one key, oldest first."""
    return con.execute(
        "select _op, name from history.things where _key = ? order by _valid_from", [f'["{key}"]']
    ).fetchall()


def everything(con: duckdb.DuckDBPyConnection) -> tuple[list[Any], list[Any]]:
    """Both tables whole, in an order of their own."""
    raw = con.execute("select columns(*)::varchar from raw.things order by workspace_id, _key").fetchall()
    history = con.execute(
        "select columns(*)::varchar from history.things order by workspace_id, _key, _valid_from"
    ).fetchall()
    return raw, history


def test_a_record_read_once_is_current_and_has_one_version(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "Ünïcode 💡", "count": 3, "made": "2026-02-01T12:00:00.000Z"}])
    warehouse = opener(THINGS)
    assert warehouse.load()["things"].rows == 1
    row = warehouse.connection.execute(
        "select name, count, made::varchar, extra, workspace_id, _first_seen_at = _changed_at, "
        "_verified_at = _changed_at from raw.things"
    ).fetchone()
    assert row == ("Ünïcode 💡", 3, "2026-02-01 12:00:00+00", None, WS, True, True)
    assert versions(warehouse.connection, "a") == [("upsert", "Ünïcode 💡")]


def test_a_changed_record_closes_its_former_version(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "one"}], 0)
    lake.upsert(THINGS, [{"id": "a", "name": "two"}], 1)
    con = opener(THINGS, load=True).connection
    rows = con.execute(
        "select name, _valid_from::varchar, _valid_to::varchar from history.things order by _valid_from"
    ).fetchall()
    assert rows == [
        ("one", "2026-03-01 06:00:00+00", "2026-03-01 07:00:00+00"),
        ("two", "2026-03-01 07:00:00+00", None),
    ]
    assert con.execute("select _first_seen_at < _changed_at, name from raw.things").fetchone() == (True, "two")


def test_a_value_that_returns_is_a_third_version(lake: LakeWriter, opener: Opener) -> None:
    for hours, name in enumerate(("A", "B", "A")):
        lake.upsert(THINGS, [{"id": "a", "name": name}], hours)
    assert [name for _, name in versions(opener(THINGS, load=True).connection, "a")] == ["A", "B", "A"]


def test_adjacent_equal_versions_are_one(lake: LakeWriter, opener: Opener) -> None:
    for hours in range(4):
        lake.upsert(THINGS, [{"id": "a", "name": "A"}], hours)
    warehouse = opener(THINGS)
    assert warehouse.load()["things"].versions_added == 1
    changed = warehouse.connection.execute("select _changed_at::varchar from raw.things").fetchone()
    assert changed == ("2026-03-01 06:00:00+00",)


def test_a_deleted_record_stays_with_its_last_values(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}], 0)
    lake.delete(THINGS, [{"id": "a"}], 5)
    warehouse = opener(THINGS)
    result = warehouse.load()["things"]
    assert (result.rows, result.deleted) == (1, 1)
    con = warehouse.connection
    assert current(con) == [("a", "A", True), ("b", "B", False)]
    found = con.execute("select _deleted_at::varchar, _verified_at = _deleted_at from raw.things where id = 'a'")
    assert found.fetchone() == ("2026-03-01 11:00:00+00", True)


def test_a_record_that_returns_after_a_delete_is_a_new_version_even_with_the_same_hash(
    lake: LakeWriter, opener: Opener
) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "A"}], 0)
    lake.delete(THINGS, [{"id": "a"}], 1)
    lake.upsert(THINGS, [{"id": "a", "name": "A"}], 2)
    con = opener(THINGS, load=True).connection
    assert [op for op, _ in versions(con, "a")] == ["upsert", "delete", "upsert"]
    assert current(con) == [("a", "A", False)]


def test_two_workspaces_with_the_same_key_are_two_rows(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "one"}], ws="ws/1 ä")
    lake.upsert(THINGS, [{"id": "a", "name": "two"}], ws="ws-2")
    con = opener(THINGS, load=True).connection
    assert con.execute("select workspace_id, name from raw.things order by 1").fetchall() == [
        ("ws-2", "two"),
        ("ws/1 ä", "one"),
    ]


@pytest.mark.parametrize("odd", ["_all", "x" * 300, "..", "a'\x00\n/b", "ACME"])
def test_any_text_can_be_a_workspaces_id(lake: LakeWriter, opener: Opener, odd: str) -> None:
    for workspace_id in (odd, "acme"):
        lake.upsert(THINGS, [{"id": "a", "name": workspace_id}], ws=workspace_id)
        lake.log("sync_runs", [{"workspace_name": workspace_id, "started_at": at(0), "outcome": "ok"}], ws=workspace_id)
    con = opener(THINGS, load=True).connection
    for table in ("raw.things", "history.things"):
        found = con.execute(f"select workspace_id, name from {table} order by 1").fetchall()
        assert found == sorted([(odd, odd), ("acme", "acme")])
    assert con.execute("select count(distinct workspace_id) from meta.sync_runs").fetchall() == [(2,)]


def test_a_stream_without_files_has_empty_tables(lake: LakeWriter, opener: Opener) -> None:
    warehouse = opener(THINGS)
    assert warehouse.load()["things"].rows == 0
    assert current(warehouse.connection) == []


def test_a_load_with_nothing_new_adds_nothing(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "A"}])
    warehouse = opener(THINGS, load=True)
    before = everything(warehouse.connection)
    assert warehouse.load()["things"].versions_added == 0
    assert everything(warehouse.connection) == before


def test_a_late_file_is_put_between_the_versions_that_were_loaded(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "A"}], 0)
    lake.upsert(THINGS, [{"id": "a", "name": "A"}], 2)
    warehouse = opener(THINGS, load=True)
    lake.upsert(THINGS, [{"id": "a", "name": "B"}], 1)
    warehouse.load()
    assert [name for _, name in versions(warehouse.connection, "a")] == ["A", "B", "A"]


def test_rows_of_a_file_that_was_rewritten_in_place_are_gone(lake: LakeWriter, opener: Opener) -> None:
    path = lake.upsert(THINGS, [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}])
    warehouse = opener(THINGS, load=True)
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.filter(pa.compute.field("id") != "b"), path)
    warehouse.load()
    assert current(warehouse.connection) == [("a", "A", False)]


def test_rows_of_a_file_that_vanished_are_gone(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "A"}])
    path = lake.upsert(THINGS, [{"id": "b", "name": "B"}], 1)
    warehouse = opener(THINGS, load=True)
    path.unlink()
    warehouse.load()
    assert current(warehouse.connection) == [("a", "A", False)]
    assert versions(warehouse.connection, "b") == []


def test_a_compacted_day_beside_its_old_files_changes_nothing(lake: LakeWriter, opener: Opener) -> None:
    paths = [lake.upsert(THINGS, [{"id": "a", "name": name}], hours) for hours, name in enumerate("ABBA")]
    warehouse = opener(THINGS, load=True)
    before = everything(warehouse.connection)
    lake.change_file(THINGS, pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths]))
    warehouse.load()
    assert everything(warehouse.connection) == before
    for path in paths:
        path.unlink()
    warehouse.load()
    assert everything(warehouse.connection) == before


def test_a_column_added_later_is_read_from_extra_where_the_file_is_older(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "score": "7"}, {"id": "b", "score": "many"}, {"id": "c"}])
    warehouse = opener(THINGS, load=True)
    warehouse.close()
    grown = tiny_stream(Column("score", Type.INT, "Score"))
    con = opener(grown, load=True).connection
    assert con.execute("select id, score from raw.things order by id").fetchall() == [
        ("a", 7),
        ("b", None),
        ("c", None),
    ]
    assert con.execute("select count(*) from history.things").fetchone() == (3,)


def test_a_column_added_later_is_found_in_extra_under_its_other_names(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "points": 7}, {"id": "b", "points": 7, "score": 8}, {"id": "c", "score": None}])
    con = opener(tiny_stream(Column("score", Type.INT, "Score", aliases=("points",))), load=True).connection
    assert con.execute("select score from raw.things order by id").fetchall() == [(7,), (8,), (None,)]


@pytest.mark.parametrize("kind", [kind for kind in Type if kind is not Type.JSON])
def test_a_column_added_later_reads_what_it_would_have_read(lake: LakeWriter, opener: Opener, kind: Type) -> None:
    """Nothing that does not fit is rounded or guessed at: a record reads the same whenever its column was declared."""
    values = [1, 0, 2.0, 1.5, -3, "7", "1.5", "", "x", True, False, "true", [1], {"a": 1}, "2026-03-01", "1e3", 10**20]
    values += [10**400, "1e400"]
    records = [{"id": f"{number:02}", "late": value} for number, value in enumerate(values)]
    grown = tiny_stream(Column("late", kind, "Late"))
    lake.upsert(THINGS, records, ws="before")
    lake.upsert(grown, records, ws="after")
    con = opener(grown, load=True).connection
    found = con.execute("select id, list(late::varchar order by workspace_id) from raw.things group by all").fetchall()
    assert [(values[int(key)], pair) for key, pair in found if pair[0] != pair[1]] == []


def test_a_column_the_file_has_is_taken_as_it_is_even_if_null(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "count": "1.5"}])
    con = opener(THINGS, load=True).connection
    assert con.execute("select count, extra from raw.things").fetchone() == (None, '{"count":"1.5"}')


def test_a_damaged_file_of_the_lake_is_named(lake: LakeWriter, opener: Opener) -> None:
    path = lake.upsert(THINGS, [{"id": "a"}])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StorageError, match=path.name):
        opener(THINGS).load()


def test_a_damaged_file_leaves_the_rows_loaded_before(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "A"}])
    warehouse = opener(THINGS, load=True)
    path = lake.upsert(THINGS, [{"id": "b"}], 1)
    path.write_bytes(b"PAR1 no PAR1")
    with pytest.raises(StorageError):
        warehouse.load()
    assert current(warehouse.connection) == [("a", "A", False)]


def test_a_first_load_that_failed_is_made_good_by_the_next(lake: LakeWriter, opener: Opener) -> None:
    path = lake.upsert(THINGS, [{"id": "a", "name": "A"}])
    whole = path.read_bytes()
    path.write_bytes(b"PAR1 no PAR1")
    warehouse = opener(THINGS)
    with pytest.raises(StorageError):
        warehouse.load()
    path.write_bytes(whole)
    warehouse.load()
    assert current(warehouse.connection) == [("a", "A", False)]


def test_logs_read_by_a_load_that_failed_are_in_meta_after_the_next(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a"}])
    warehouse = opener(THINGS, load=True)
    lake.log("stream_status", [{"stream": "things", "outcome": "ok", "started_at": at(1), "ended_at": at(1)}])
    path = lake.upsert(THINGS, [{"id": "b"}], 1)
    whole = path.read_bytes()
    path.write_bytes(b"PAR1 no PAR1")
    with pytest.raises(StorageError):
        warehouse.load()
    path.write_bytes(whole)
    warehouse.load()
    found = warehouse.connection.execute("select stream, rows from meta.stream_status").fetchall()
    assert found == [("things", 2)]


def test_as_of_loads_what_was_synced_by_then_and_later_loads_everything_again(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "one"}], 0)
    lake.upsert(THINGS, [{"id": "a", "name": "two"}], 10)
    lake.log("verified", [{"run_id": "run2", "stream": "things", "verified_at": at(11)}])
    lake.log("published", [{"published_at": at(5), "watermark": json.dumps({"ws-1": at(5).isoformat()})}])
    warehouse = opener(THINGS)
    warehouse.load(as_of=at(5))
    con = warehouse.connection
    assert con.execute("select name, _verified_at = _changed_at from raw.things").fetchone() == ("one", True)
    warehouse.load()
    assert current(con) == [("a", "two", False)]
    assert con.execute("select _verified_at::varchar from raw.things").fetchone() == ("2026-03-01 17:00:00+00",)


def test_as_of_means_what_the_last_run_published_by_then_had_read(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a", "name": "one"}], 0)
    lake.upsert(THINGS, [{"id": "a", "name": "unpublished"}], 2)
    lake.upsert(THINGS, [{"id": "b", "name": "other"}], 1, ws="ws-2")
    lake.log(
        "published",
        [
            {
                "published_at": at(1),
                "storage_version": "v1.2.0",
                "watermark": '{"ws-1": "2026-03-01T06:00:00.000000Z"}',
            },
            {"published_at": at(9), "storage_version": "v1.2.0", "watermark": "{}"},
        ],
    )
    warehouse = opener(THINGS)
    warehouse.load(as_of=at(5))
    assert current(warehouse.connection) == [("a", "one", False)]


def test_a_damaged_log_of_publications_is_named(lake: LakeWriter, opener: Opener) -> None:
    path = lake.log("published", [{"published_at": at(1), "watermark": "{}"}])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StorageError, match=path.name):
        opener(THINGS).load(as_of=at(2))


# --- verified ranges


def verified(con: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """When each key was last verified, in hours after the start of the test's time."""
    rows = con.execute("select id, (epoch_us(_verified_at) - ?) / 3.6e9 from raw.things", [_us(at(0))]).fetchall()
    return dict(rows)


def _us(value: datetime) -> int:
    return int(value.timestamp() * 1e6)


def test_verified_ranges_are_open_below_and_closed_above(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": key} for key in "abcd"])
    lake.log("verified", [{"stream": "things", "key_from": '["a"]', "key_to": '["c"]', "verified_at": at(4)}])
    lake.log("verified", [{"stream": "other", "verified_at": at(9)}])
    assert verified(opener(THINGS, load=True).connection) == {"a": 0, "b": 4, "c": 4, "d": 0}


def test_the_last_range_of_a_sweep_says_nothing_about_the_keys_before_it(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": key} for key in "abc"])
    lake.log("verified", [{"stream": "things", "key_from": '["b"]', "verified_at": at(4)}])
    assert verified(opener(THINGS, load=True).connection) == {"a": 0, "b": 0, "c": 4}


def test_a_range_verified_before_its_rows_were_loaded_still_counts(lake: LakeWriter, opener: Opener) -> None:
    lake.log("verified", [{"stream": "things", "verified_at": at(4)}])
    warehouse = opener(THINGS, load=True)
    lake.upsert(THINGS, [{"id": "a"}], 1)
    lake.upsert(THINGS, [{"id": "b"}], 6)
    warehouse.load()
    assert verified(warehouse.connection) == {"a": 4, "b": 6}


def test_a_deleted_row_keeps_the_instant_of_its_deletion(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a"}, {"id": "b"}])
    lake.delete(THINGS, [{"id": "a"}], 1)
    lake.log("verified", [{"stream": "things", "verified_at": at(4)}])
    assert verified(opener(THINGS, load=True).connection) == {"a": 1, "b": 4}


def test_ranges_of_a_later_sync_count_for_rows_it_brought_and_for_rows_that_stayed(
    lake: LakeWriter, opener: Opener
) -> None:
    lake.upsert(THINGS, [{"id": key} for key in "abcd"])
    lake.log("verified", [{"stream": "things", "key_to": '["b"]', "verified_at": at(1)}])
    warehouse = opener(THINGS, load=True)
    lake.upsert(THINGS, [{"id": "a", "name": "changed"}, {"id": "e"}], 2)
    lake.delete(THINGS, [{"id": "d"}], 2)
    lake.log("verified", [{"stream": "things", "key_to": '["d"]', "verified_at": at(3)}])
    lake.log("verified", [{"stream": "things", "key_from": '["d"]', "verified_at": at(5)}])
    assert not warehouse.load()["things"].reloaded
    assert verified(warehouse.connection) == {"a": 3, "b": 3, "c": 3, "d": 2, "e": 5}


@given(st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9)), st.integers(1, 5)), max_size=12))
def test_segments_say_of_every_key_what_its_ranges_say(drawn: list[tuple[int, int | None, int]]) -> None:
    ranges = [Range(str(low) if low else "", None if high is None else str(high), when) for low, high, when in drawn]
    found = segments(ranges)
    assert [s.after for s in found] == sorted({s.after for s in found})
    for key in (f"{number}" for number in range(10)):
        expected = max((r.at for r in ranges if r.after < key and (r.upto is None or key <= r.upto)), default=None)
        before = [s for s in found if s.after < key]
        assert (before[-1].at if before else None) == expected


# --- order and grouping

EVENTS = st.lists(
    st.tuples(st.sampled_from(("ws-1", "ws-2")), st.sampled_from("abc"), st.sampled_from(("x", "y", "delete"))),
    min_size=1,
    max_size=14,
)


def expected_tables(events: Iterable[tuple[str, str, str]]) -> tuple[list[Any], list[Any]]:
    """What the rules say, worked out one event after the other: current rows and versions."""
    chains: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for hour, (ws, key, value) in enumerate(events):
        chain = chains.setdefault((ws, key), [])
        if not chain or chain[-1][1] != value:
            chain.append((hour, value))
    raw, history = [], []
    for (ws, key), chain in sorted(chains.items()):
        history += [
            (ws, key, value, hour, following)
            for (hour, value), following in zip(chain, [*(h for h, _ in chain[1:]), None], strict=True)
        ]
        upserts = [(hour, value) for hour, value in chain if value != "delete"]
        if upserts:
            gone = chain[-1][1] == "delete"
            raw.append((ws, key, upserts[-1][1], upserts[0][0], chain[-1][0], gone))
    return raw, history


def found_tables(con: duckdb.DuckDBPyConnection) -> tuple[list[Any], list[Any]]:
    """The tables in the form of `expected_tables`."""
    hour = f"(epoch_us({{}}) - {_us(at(0))}) // 3600000000"
    raw = con.execute(
        f"select workspace_id, id, name, {hour.format('_first_seen_at')}, {hour.format('_changed_at')}, "
        "_deleted_at is not null from raw.things order by 1, 2"
    ).fetchall()
    history = con.execute(
        f"select workspace_id, _key[3:-3], coalesce(name, 'delete'), {hour.format('_valid_from')}, "
        f"{hour.format('_valid_to')} from history.things order by 1, 2, 4"
    ).fetchall()
    return raw, history


@pytest.mark.whole
@settings(max_examples=15)
@given(events=EVENTS, seed=st.integers(0, 2**32))
def test_any_order_and_grouping_of_the_files_gives_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str, str]], seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("lake")
    lake = LakeWriter(folder)
    rows = [(ws, lake_row(lake, key, value, hour)) for hour, (ws, key, value) in enumerate(events)]
    rows += chance.sample(rows, chance.randint(0, len(rows)))  # written twice
    chance.shuffle(rows)
    warehouse = Opener(lake)(THINGS)
    while rows:
        count = chance.randint(1, 6)
        group, rows = rows[:count], rows[count:]
        for ws in {ws for ws, _ in group}:
            lake.change_file(THINGS, pa.concat_tables([row for owner, row in group if owner == ws]), ws)
        if chance.random() < 0.6:
            warehouse.load()
    warehouse.load()
    assert found_tables(warehouse.connection) == expected_tables(events)
    warehouse.close()
    shutil.rmtree(folder)


def lake_row(lake: LakeWriter, key: str, value: str, hour: int) -> pa.Table:
    """One event as a row of a change file."""
    if value == "delete":
        return lake.tombstones(THINGS, [{"id": key}], at(hour))
    return lake.rows(THINGS, [{"id": key, "name": value}], at(hour))


def test_the_hash_in_the_file_decides_what_is_equal(lake: LakeWriter, opener: Opener) -> None:
    """A record that differs only in a field without a column is another version."""
    lake.upsert(THINGS, [{"id": "a", "new": 1}], 0)
    lake.upsert(THINGS, [{"id": "a", "new": 2}], 1)
    con = opener(THINGS, load=True).connection
    hashes = con.execute("select _row_hash from history.things order by _valid_from").fetchall()
    version = hash_version(THINGS)
    assert hashes == [(f"{version}:{digest({'id': 'a', 'new': value})}",) for value in (1, 2)]


def test_paths_with_what_a_pattern_would_mean_are_read_as_they_are(tmp_path: Path) -> None:
    lake = LakeWriter(tmp_path / "data [1] *")
    lake.upsert(THINGS, [{"id": "a", "name": "A"}])
    warehouse = Opener(lake)(THINGS, load=True)
    assert current(warehouse.connection) == [("a", "A", False)]
    warehouse.close()

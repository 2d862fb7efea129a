"""The change log and its index, as a sequence of runs sees them."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.jsontext import loads
from instantly_pipeline.lake.change_log import WriterClock, last_written
from instantly_pipeline.lake.index import last_versions
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.streams.model import Column, Type
from tests.lake.helpers import THINGS, Writer


def counts(appended: Any) -> tuple[int, int, int, int]:
    return appended.inserted, appended.updated, appended.deleted, appended.unchanged


def test_a_second_run_over_the_same_records_appends_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    assert counts(writer.run({"id": "1"}, {"id": "2"})) == (2, 0, 0, 0)
    assert counts(writer.run({"id": "2", "name": None}, {"id": "1"})) == (0, 0, 0, 2)
    assert len(writer.layout.files(writer.layout.changes, "things")) == 1


def test_there_and_back_again_is_three_versions(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for name in ("a", "b", "a"):
        writer.run({"id": "1", "name": name})
    assert [row["name"] for row in writer.rows()] == ["a", "b", "a"]


def test_a_deleted_record_gets_one_tombstone_and_comes_back_as_a_new_version(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1", "name": "a"})
    assert counts(writer.run(deleted=('["1"]', '["never known"]'))) == (0, 0, 1, 0)
    assert counts(writer.run(deleted=('["1"]',))) == (0, 0, 0, 0)
    assert counts(writer.run({"id": "1", "name": "a"})) == (1, 0, 0, 0)
    assert [row["_op"] for row in writer.rows()] == ["upsert", "delete", "upsert"]


def test_a_record_that_is_there_is_not_deleted_in_the_same_batch(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1"})
    assert counts(writer.run({"id": "1"}, deleted=('["1"]',))) == (0, 0, 0, 1)


def test_instants_only_grow_when_the_clock_goes_back(tmp_path: Path) -> None:
    now = iter([datetime(2026, 3, d, tzinfo=UTC) for d in (5, 5, 1, 1, 1, 1, 1, 1)])
    writer = Writer(tmp_path, now=lambda: next(now))
    writer.run({"id": "1", "name": "a"})
    writer.run({"id": "1", "name": "b"})
    first, second = (row["_synced_at"] for row in writer.rows())
    assert second > first
    assert [row["name"] for row in writer.rows()] == ["a", "b"]


def test_files_sort_in_the_order_they_were_written_when_the_clock_stands_still(tmp_path: Path) -> None:
    writer = Writer(tmp_path, now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    for number in range(9):
        writer.run({"id": str(number)})
    files = writer.layout.files(writer.layout.changes, "things")
    assert [pq.read_table(file.path)["id"].to_pylist() for file in files] == [[str(n)] for n in range(9)]


def test_two_parts_of_a_run_that_count_their_files_from_one_overwrite_nothing(tmp_path: Path) -> None:
    """A run notes a workspace under two names: one whose key opens it, and one whose key opens nothing any more."""
    layout = Layout(tmp_path)
    for name in ("acme", "acme old"):
        row = {"workspace_id": "w", "workspace_name": name}
        append_log(
            layout, "20260301T000000000Z-000000", "sync_runs", [row], now=lambda: datetime(2026, 3, 1, tzinfo=UTC)
        )
    files = layout.files(layout.meta, "sync_runs", "w")
    assert [pq.read_table(file.path)["workspace_name"].to_pylist() for file in files] == [["acme"], ["acme old"]]


def test_the_clock_never_stands_still() -> None:
    clock = WriterClock(lambda: datetime(2026, 1, 1, tzinfo=UTC), after=None)
    ticks = [clock.tick() for _ in range(3)]
    assert ticks == sorted(set(ticks))


def test_the_greatest_instant_is_found_in_the_lake(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    assert last_written(writer.layout, "w") is None
    result = writer.run({"id": "1"})
    assert last_written(writer.layout, "w") == result.at


def test_an_index_that_was_lost_is_rebuilt_from_the_log(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1", "campaign": "c"}, {"id": "2", "list_id": "l"}, {"id": "3"})
    writer.run(deleted=('["3"]',))
    before = writer.open().index.entries()
    shutil.rmtree(tmp_path / "lake" / "index")
    assert writer.open().index.entries() == before
    assert counts(writer.run({"id": "1", "campaign": "c"}, {"id": "2", "list_id": "l"})) == (0, 0, 0, 2)


def test_a_damaged_index_is_rebuilt_from_the_log(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1"})
    run = next((tmp_path / "lake" / "index").rglob("*.rows"))
    run.write_bytes(run.read_bytes()[:40])
    assert counts(writer.run({"id": "1"})) == (0, 0, 0, 1)


def test_what_was_written_before_a_kill_is_replayed(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    killed = writer.open()
    killed.append(killed.normalize([{"id": "1", "name": "a"}]))  # and no close: the index was never written
    assert counts(writer.run({"id": "1", "name": "a"}, {"id": "2"})) == (1, 0, 0, 1)


def test_the_index_is_read_by_range(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run(*({"id": f"{n:03}"} for n in range(50)))
    index = writer.open().index
    assert sorted(index.alive('["010"]', '["013"]')) == ['["011"]', '["012"]', '["013"]']
    assert len(index.alive(None, '["004"]')) == 5
    assert len(index.alive('["047"]', None)) == 2


IDS = [*map(str, range(15)), *(f"{number:08}-0000-4000-8000-000000000000" for number in range(15))]  # two widths


@settings(max_examples=25)
@given(st.lists(st.dictionaries(st.sampled_from(IDS), st.sampled_from([None, "a", "b"]), max_size=12), max_size=14))
def test_the_index_says_what_the_log_says_whatever_its_files(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, str | None]]
) -> None:
    """None deletes. Files are merged and memory is flushed all the time, so that both ways are taken."""
    writer = Writer(tmp_path_factory.mktemp("lake"))
    expected: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_versions, "SMALL", 2)
        patch.setattr(last_versions, "ROWS_IN_MEMORY", 5)
        for step in steps:
            keys = {f'["{one}"]': name for one, name in step.items()}
            writer.run(
                *({"id": one, "name": name} for one, name in step.items() if name),
                deleted=tuple(key for key, name in keys.items() if name is None),
            )
            expected = {k: v for k, v in {**expected, **keys}.items() if v is not None}
    assert sorted(writer.open().index.alive()) == sorted(expected)
    last = {row["_key"]: row for row in writer.rows()}
    assert {key: row["name"] for key, row in last.items() if row["_op"] == "upsert"} == expected


def test_a_new_alias_writes_no_new_versions(tmp_path: Path) -> None:
    sent = {
        "id": "1", "heading": "x", "score": 2**60 + 1, "made_at": "2026-03-05T23:10:00.557Z", "day": "2026-03-05",
        "more": {"a": [1, None, 2**70 + 1]}, "unknown": loads(b'{"b": 0.1234567890123456789}'),
    }  # fmt: skip
    Writer(tmp_path).run(sent)
    renamed = [
        dataclasses.replace(c, aliases=(*c.aliases, "heading")) if c.name == "name" else c for c in THINGS.columns
    ]
    later = Writer(tmp_path, dataclasses.replace(THINGS, columns=tuple(renamed)))
    assert counts(later.run(sent)) == (0, 0, 0, 1)
    assert counts(later.run({**sent, "heading": "y"})) == (0, 1, 0, 0)
    shutil.rmtree(tmp_path / "lake" / "index")
    assert counts(later.run({**sent, "heading": "y"})) == (0, 0, 0, 1)


def test_a_new_column_writes_no_new_versions(tmp_path: Path) -> None:
    sent = {"id": "1", "mood": "good"}
    Writer(tmp_path).run(sent)
    wider = dataclasses.replace(THINGS, columns=(*THINGS.columns, Column("mood", Type.TEXT, "New")))
    assert counts(Writer(tmp_path, wider).run(sent)) == (0, 0, 0, 1)

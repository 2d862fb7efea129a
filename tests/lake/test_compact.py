"""Compaction bounds the number of files and changes no answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from instantly_pipeline.lake.change_log import RunFiles, WriterClock
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.lake.logs import LogWriter
from tests.lake.helpers import Writer, ticking

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1, hours=1)


def a_day_of_runs(root: Path, runs: int = 6) -> Writer:
    writer = Writer(root)
    for number in range(runs):
        writer.run({"id": "1", "name": str(number)}, {"id": str(number)}, deleted=(f'["{number - 2}"]',))
    return writer


def on_disk(root: Path) -> list[Path]:
    return sorted((root / "lake" / "changes").rglob("*.parquet"))


def age(root: Path, by: timedelta) -> None:
    for path in on_disk(root):
        stamp = path.stat().st_mtime - by.total_seconds()
        os.utime(path, (stamp, stamp))


def test_a_closed_day_becomes_one_file_with_the_same_rows(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    before = writer.rows()
    done = compact(writer.layout, now=NEXT)
    assert (done.days, done.joined, done.removed) == (1, 6, 0)
    assert writer.rows() == before
    assert len(writer.layout.files(writer.layout.changes, "things")) == 1


def test_old_files_stay_an_hour_for_readers_that_glob(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    compact(writer.layout, now=NEXT)
    assert len(on_disk(tmp_path)) == 7
    real_now = datetime.now(UTC)
    assert compact(writer.layout, now=real_now).removed == 0
    age(tmp_path, timedelta(hours=1, seconds=1))
    assert compact(writer.layout, now=real_now).removed == 6
    assert len(on_disk(tmp_path)) == 1


def test_today_is_left_alone(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    assert compact(writer.layout, now=DAY + timedelta(hours=23)).days == 0


def test_a_day_that_lies_ahead_is_joined_too(tmp_path: Path) -> None:
    """A clock that was ahead once may have put everything since into one day that is years away."""
    writer = a_day_of_runs(tmp_path)
    before = writer.rows()
    assert compact(writer.layout, now=DAY - timedelta(days=400)).joined == 6
    assert writer.rows() == before


def test_compacting_again_does_nothing(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    compact(writer.layout, now=NEXT)
    assert compact(writer.layout, now=NEXT).days == 0


def test_later_runs_and_a_rebuilt_index_go_on_from_compacted_files(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    before = writer.open().index.entries()
    compact(writer.layout, now=NEXT)
    assert writer.open().index.entries() == before
    for path in (tmp_path / "lake" / "index").rglob("*"):
        if path.is_file():
            path.unlink()
    assert writer.open().index.entries() == before
    later = Writer(tmp_path, now=lambda: NEXT)
    assert later.run({"id": "1", "name": "5"}).unchanged == 1


def test_a_compacted_day_that_got_more_files_is_compacted_again(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    compact(writer.layout, now=NEXT)
    writer.run({"id": "late"})
    rows = writer.rows()
    assert compact(writer.layout, now=NEXT).joined == 2
    assert writer.rows() == rows


def test_files_with_fewer_columns_are_not_joined_with_wider_ones(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path, runs=4)
    for path in on_disk(tmp_path)[:2]:
        pq.write_table(pq.ParquetFile(path).read().drop_columns(["score"]), path)
    before = writer.rows()
    assert compact(writer.layout, now=NEXT).joined == 4
    assert writer.rows() == before
    files = writer.layout.files(writer.layout.changes, "things")
    assert ["score" in pq.read_schema(file.path).names for file in files] == [False, True]


def test_logs_are_compacted_and_counted_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for _ in range(3):
        clock = WriterClock(writer.now, after=None)
        notes = LogWriter(RunFiles(writer.layout, "w", f"run{writer.now():%H%M%S}"), clock)
        notes.add("quarantine", stream="things", key="k", reason="r", occurrences=1)
        notes.flush()
    compact(writer.layout, now=NEXT)
    files = writer.layout.files(writer.layout.meta, "quarantine")
    assert pa.concat_tables([pq.read_table(f.path) for f in files]).num_rows == 3


@pytest.mark.parametrize("step", ["write", "rename"])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from instantly_pipeline.errors import StorageError

    writer = a_day_of_runs(tmp_path)
    before, files = writer.rows(), on_disk(tmp_path)
    owner, name = (os, "fsync") if step == "write" else (Path, "replace")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    refuse: Callable[..., None] = full
    monkeypatch.setattr(owner, name, refuse)
    with pytest.raises(StorageError, match="full"):
        compact(writer.layout, now=NEXT)
    monkeypatch.undo()
    assert (writer.rows(), sorted(tmp_path.rglob("*.tmp")), on_disk(tmp_path)) == (before, [], files)


@pytest.mark.medium
def test_readers_that_glob_meanwhile_never_fail_and_see_every_row(tmp_path: Path) -> None:
    """Whatever instant a reader lists the files at: none of them is gone, and together they hold every row."""
    writer = a_day_of_runs(tmp_path)
    for number in range(1, 6):
        later = Writer(tmp_path, now=ticking(DAY + timedelta(days=number)))
        for run in range(4):
            later.run({"id": "1", "name": f"{number}.{run}"})
    rows = {(row["_key"], row["_synced_at"]) for row in writer.rows()}
    glob = str(tmp_path / "lake" / "changes" / "things" / "*" / "*" / "*.parquet")
    seen: list[set[tuple[str, datetime]]] = []

    def look(_event: str, _args: tuple[object, ...]) -> None:
        if looking and _event in ("open", "os.rename", "os.remove"):
            looking.clear()
            seen.append(read())
            looking.append(True)

    def read() -> set[tuple[str, datetime]]:
        with duckdb.connect() as con:
            con.execute("set timezone = 'UTC'")
            return set(con.execute("select _key, _synced_at from read_parquet($1)", [glob]).fetchall())

    looking = [True]
    sys.addaudithook(look)
    try:
        compact(writer.layout, now=DAY + timedelta(days=9))
    finally:
        looking.clear()
    assert len(seen) > 12
    assert len(writer.layout.files(writer.layout.changes, "things")) == 6
    assert all(found == rows for found in (*seen, read()))

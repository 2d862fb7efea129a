"""The index follows the log: whatever is lost, damaged, moved or put there by hand."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.errors import StorageError, UnreadableFile
from instantly_pipeline.lake.change_log import last_written
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.lake.index import last_versions, replay, sorted_files
from instantly_pipeline.lake.index.sorted_files import Cache, IndexEntry
from instantly_pipeline.lake.lake_files import LakeFile
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.run_ids import new_run_id
from instantly_pipeline.streams.model import Stream
from tests.lake.helpers import THINGS, Writer
from tests.lake.test_compact import NEXT, a_day_of_runs, age

RECORDS = tuple({"id": str(number)} for number in range(6))


def files_of(writer: Writer) -> list[Path]:
    return [file.path for file in writer.layout.files(writer.layout.changes, "things")]


def replays(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files replayed from now on."""
    seen: list[str] = []
    entries_of = last_versions.entries_of

    def watched(file: LakeFile, stream: Stream) -> Any:
        seen.append(file.path.name)
        return entries_of(file, stream)

    monkeypatch.setattr(last_versions, "entries_of", watched)
    return seen


def test_records_whose_file_is_gone_are_written_again(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run(*RECORDS[:3])
    writer.run(*RECORDS)
    files_of(writer)[0].unlink()
    assert writer.run(*RECORDS).inserted == 3
    shutil.rmtree(tmp_path / "lake" / "changes" / "things")
    assert writer.run(*RECORDS).inserted == 6


def test_a_compaction_makes_nothing_be_replayed_even_when_the_old_files_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = a_day_of_runs(tmp_path)
    before = writer.open().index.entries()
    compact(writer.layout, now=NEXT)
    age(tmp_path, timedelta(hours=2))
    assert compact(writer.layout, now=datetime.now(UTC)).removed == 6
    seen = replays(monkeypatch)
    log = writer.open()
    assert log.index.entries() == before
    log.close()
    assert writer.open().index.entries() == before
    assert seen == []


def test_a_compacted_file_with_rows_the_index_lacks_is_replayed(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    killed = writer.open()
    killed.append(killed.normalize([{"id": "late"}]))  # and no close
    compact(writer.layout, now=NEXT)
    assert '["late"]' in writer.open().index.entries()


def test_a_compacted_file_that_is_gone_is_noticed(tmp_path: Path) -> None:
    writer = a_day_of_runs(tmp_path)
    compact(writer.layout, now=NEXT)
    writer.open().close()
    age(tmp_path, timedelta(hours=2))
    compact(writer.layout, now=datetime.now(UTC))
    files_of(writer)[0].unlink()
    assert writer.open().index.entries() == {}


def test_a_replay_holds_some_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(last_versions, "ROWS_IN_MEMORY", 3)
    writer = Writer(tmp_path)
    writer.run(*RECORDS)
    shutil.rmtree(tmp_path / "lake" / "index")
    index = writer.open().index
    assert len(index._recent) <= 3
    assert len(index.entries()) == 6


@pytest.mark.parametrize("name", ["{} (copy).parquet", "export.parquet", "00.parquet"])
def test_a_stray_copy_makes_no_false_version(tmp_path: Path, name: str) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1", "name": "old"})
    first = files_of(writer)[0]
    writer.run({"id": "1", "name": "new"})
    shutil.copy(first, first.with_name(name.format(first.stem)))
    assert writer.run({"id": "1", "name": "new"}).unchanged == 1
    shutil.rmtree(tmp_path / "lake" / "index")
    assert writer.run({"id": "1", "name": "new"}).unchanged == 1


def test_a_stray_name_moves_neither_the_clock_nor_the_run_ids(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1", "name": "old"})
    first = files_of(writer)[0]
    at = writer.run({"id": "1", "name": "new"}).at
    shutil.copy(first, first.with_name("zebra.parquet"))
    assert last_written(writer.layout, "w") == at
    assert new_run_id(writer.layout, datetime(2020, 1, 1, tzinfo=UTC)) > files_of(writer)[1].stem


def test_metadata_that_macos_leaves_beside_a_file_is_no_file(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1"})
    files_of(writer)[0].with_name("._x.parquet").write_bytes(b"Mac OS X")
    assert writer.run({"id": "1"}).unchanged == 1


@pytest.mark.parametrize("keep", [0, 200])
def test_a_damaged_file_stops_its_stream_in_words_and_no_other(tmp_path: Path, keep: int) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1"})
    damaged = files_of(writer)[0]
    damaged.write_bytes(damaged.read_bytes()[:keep])
    assert last_written(writer.layout, "w") is None
    shutil.rmtree(tmp_path / "lake" / "index")
    with pytest.raises(UnreadableFile, match=r"backup.*reset --streams things") as caught:
        writer.open()
    assert str(damaged) in str(caught.value)
    damaged.unlink()
    assert writer.run({"id": "1"}).inserted == 1


@pytest.mark.parametrize(
    ("what", "value"), [("covered", None), ("covered", [1]), ("runs", ["../x"]), ("runs", 3), ("version", 1)]
)
def test_a_manifest_of_another_shape_is_rebuilt(tmp_path: Path, what: str, value: Any) -> None:
    writer = Writer(tmp_path)
    writer.run(*RECORDS)
    path = writer.layout.index("things", "w") / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {what: value}))
    assert writer.run(*RECORDS).unchanged == 6


@pytest.mark.parametrize("read", ["lookup", "entries", "alive_by_scope", "merge"])
def test_a_sorted_file_with_a_damaged_page_is_rebuilt_when_it_is_read(tmp_path: Path, read: str) -> None:
    writer = Writer(tmp_path)
    writer.run(*RECORDS[:3])
    writer.run(*RECORDS[3:])
    run = sorted(writer.layout.index("things", "w").glob("*.parquet"))[0]
    content = run.read_bytes()
    end = int.from_bytes(content[-8:-4], "little") + 8
    run.write_bytes(content[:4] + bytes(255 - x for x in content[4:-end]) + content[-end:])
    index = writer.open().index
    if read == "lookup":
        assert len(index.lookup([f'["{n}"]' for n in range(6)])) == 6
    elif read == "alive_by_scope":
        assert index.alive_by_scope() == {None: 6}
    elif read == "merge":
        index.flush(merge=True)
    assert len(index.entries()) == 6
    assert len(writer.open().index.entries()) == 6


def test_a_merge_on_a_full_disk_is_a_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(tmp_path)
    writer.run(*RECORDS[:3])
    writer.run(*RECORDS[3:])

    def full(_self: pq.ParquetWriter, _table: pa.Table, row_group_size: int) -> None:
        raise OSError(28, "No space left on device")

    index = writer.open().index
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(StorageError, match="is full"):
        index.alive_by_scope()
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.tmp"))
    assert len(writer.open().index.entries()) == 6


def test_of_what_was_decoded_the_last_used_is_kept_up_to_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def batch(number: int) -> pa.RecordBatch:
        read.append(number)
        return pa.record_batch({"at": pa.array([number] * 10, pa.int64())})  # 80 bytes

    monkeypatch.setattr(sorted_files, "BYTES_IN_MEMORY", 160)
    cache = Cache()
    for number in (1, 2, 1, 3, 1, 2):
        assert cache.get((number,), partial(batch, number))["at"][0].as_py() == number
    assert read == [1, 2, 3, 2]
    cache.clear()
    cache.get((1,), lambda: batch(1))
    assert read == [1, 2, 3, 2, 1]


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.integers(0, 60), st.integers(0, 3), max_size=40), min_size=2, max_size=5))
def test_merged_files_hold_the_newest_entry_of_every_key_in_order(runs: list[dict[int, int]]) -> None:
    newest: dict[str, IndexEntry] = {}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as small:
        small.setattr(sorted_files, "ROW_GROUP", 3)
        small.setattr(sorted_files, "GROUPS_AT_ONCE", 4)
        small.setattr(sorted_files, "BYTES_IN_MEMORY", 2_000)  # some groups, never all
        layout = Layout(Path(folder))
        index = last_versions.Index(layout, THINGS, "w").open()
        for number, run in enumerate(runs):
            entries = [(f'["{key:03}"]', IndexEntry(f"{number}", at > 0, None, at)) for key, at in run.items()]
            for key, entry in entries:
                if key not in newest or entry.at >= newest[key].at:
                    newest[key] = entry
            index.put(entries, LakeFile(Path("synced=2026-03-01") / f"{number}.parquet", "things", "w"))
            index.flush()
        index.flush(merge=True)
        assert list(index.entries().items()) == sorted(newest.items())
        assert index.lookup(list(newest)) == newest
        assert list(index.entries('["010"]', '["030"]')) == [k for k in sorted(newest) if '["010"]' < k <= '["030"]']
        assert sum(index.alive_by_scope().values()) == sum(entry.alive for entry in newest.values())


def test_a_range_covers_what_is_in_memory_and_what_is_written_the_newest_entry_counting(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run(*({"id": f"{n:03}", "campaign": "a"} for n in range(40)))
    log = writer.open()
    log.append(log.normalize([{"id": "012", "campaign": "b"}, {"id": "0125"}]), deleted=['["013"]'])
    found = log.index.entries('["011"]', '["014"]')
    assert {key: (entry.alive, entry.scope) for key, entry in found.items()} == {
        '["012"]': (True, "campaign=b"),
        '["0125"]': (True, None),
        '["013"]': (False, "campaign=a"),
        '["014"]': (True, "campaign=a"),
    }
    log.append(log.normalize([{"id": "0121"}]))
    assert '["0121"]' in log.index.alive('["012"]', '["0125"]')
    assert log.index.entries('["014"]', '["011"]') == {}


def test_very_long_keys_are_found(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "x" * 9000}, {"id": "b"})
    assert pq.read_metadata(next(writer.layout.index("things", "w").glob("*.parquet"))).num_rows == 2
    assert writer.run({"id": "x" * 9000}, {"id": "b"}).unchanged == 2

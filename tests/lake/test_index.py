"""The index follows the log: whatever is lost, damaged, moved or put there by hand."""

from __future__ import annotations

import json
import resource
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.errors import StorageError, UnreadableFile
from instantly_pipeline.lake.change_log import last_written
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.lake.index import last_versions, replay, sorted_files
from instantly_pipeline.lake.index.keys import KeySet
from instantly_pipeline.lake.index.sorted_files import IndexEntry, Versions
from instantly_pipeline.lake.lake_files import LakeFile
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.records.canonical import hash_version
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
    versions_in = last_versions.versions_in

    def watched(file: LakeFile, stream: Stream) -> Any:
        seen.append(file.path.name)
        return versions_in(file, stream)

    monkeypatch.setattr(last_versions, "versions_in", watched)
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
    assert sum(len(part) for parts in index._recent.values() for part in parts) <= 3
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
    ("what", "value"),
    [
        ("covered", None),
        ("covered", [1]),
        ("version", 2),
        ("scopes", {}),
        ("scopes", [1]),
        ("files", 3),
        ("files", [{"name": "../x", "rows": 6, "width": 64, "crc32": 1}]),
        ("files", [{"name": "00000001.rows", "rows": "6", "width": 64, "crc32": 1}]),
        ("files", [{"name": "00000009.rows", "rows": 6, "width": 64, "crc32": 1}]),
    ],
)
def test_a_manifest_of_another_shape_is_rebuilt(tmp_path: Path, what: str, value: Any) -> None:
    writer = Writer(tmp_path)
    writer.run(*RECORDS)
    path = writer.layout.index("things", "w") / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {what: value}))
    assert writer.run(*RECORDS).unchanged == 6


@pytest.mark.parametrize("place", [0, 100, -1])
def test_an_index_with_a_damaged_byte_is_rebuilt(tmp_path: Path, place: int) -> None:
    writer = Writer(tmp_path)
    writer.run(*RECORDS)
    [file] = writer.layout.index("things", "w").glob("*.rows")
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    assert writer.run(*RECORDS).unchanged == 6


def test_a_file_that_no_manifest_names_is_removed(tmp_path: Path) -> None:
    """A kill came before the manifest was written, or an older version wrote it."""
    writer = Writer(tmp_path)
    writer.run(*RECORDS)
    folder = writer.layout.index("things", "w")
    for name in ("00000007.rows", "00000001.parquet"):
        (folder / name).write_bytes(b"x")
    assert writer.run(*RECORDS).unchanged == 6
    assert sorted(path.name for path in folder.iterdir()) == ["00000001.rows", "manifest.json"]


def test_an_index_that_the_disk_refuses_is_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run(*RECORDS[:3])
    log = writer.open()
    log.append(log.normalize(RECORDS))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.rglob("*.tmp"))
    assert len(log.index.entries()) == 6
    log.close()
    assert len(writer.open().index.entries()) == 6


def test_files_are_few_and_small_ones_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_versions, "SMALL", 4)
    writer = Writer(tmp_path)
    for start, rows in [(0, 64), (100, 16), (200, 4), (300, 1), (400, 1), (500, 1)]:
        writer.run(*({"id": f"{number}"} for number in range(start, start + rows)))
    manifest = json.loads((writer.layout.index("things", "w") / "manifest.json").read_bytes())
    assert [file["rows"] for file in manifest["files"]] == [64, 16, 7]
    assert len(writer.open().index.entries()) == 87


UUIDS = [f"{number:08x}-0000-4000-8000-00000000000{number}" for number in range(10)]
IDS = [
    *UUIDS, UUIDS[3].replace("-", ""), "0000000A-0000-4000-8000-000000000000", "zzz", "a", "", "é", "é" * 30, "x" * 59,
    "x" * 60, "x" * 61, "x" * 9000, "00000003", "00000003-0000-4000-8000-00000000000g",
]  # fmt: skip
KEYS = sorted({json.dumps([one], ensure_ascii=False) for one in IDS} | {json.dumps([UUIDS[2], "2026-05-01"])})
ENDS = st.sampled_from([None, *KEYS, f'["{UUIDS[2]}",', f'["{UUIDS[2]}",~', '["', "~", ""])
SCOPES = [None, "campaign=a", "campaign=b", "list_id=a"]
DIGEST = f"{hash_version(THINGS)}:{'0123456789abcdef' * 2}"


@st.composite
def versions(draw: st.DrawFn) -> dict[str, IndexEntry]:
    """One batch: its keys and their versions."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
    found = {}
    for key in keys:
        alive, at = draw(st.booleans()), draw(st.integers(0, 5))
        digest = DIGEST[:-2] + draw(st.sampled_from(["00", "ff"])) if alive else None
        found[key] = IndexEntry(digest, alive, draw(st.sampled_from(SCOPES)), at)
    return found


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(versions(), st.booleans()), max_size=8), data=st.data())
def test_the_index_is_a_dict_of_the_newest_entries_whatever_the_keys(
    steps: list[tuple[dict[str, IndexEntry], bool]], data: st.DataObject
) -> None:
    newest: dict[str, IndexEntry] = {}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as small:
        small.setattr(last_versions, "SMALL", 3)
        small.setattr(last_versions, "ROWS_IN_MEMORY", 7)
        small.setattr(sorted_files, "ROWS_AT_ONCE", 4)
        index = last_versions.Index(Layout(Path(folder)), THINGS, "w").open()
        for number, (batch, flushed) in enumerate(steps):
            newest |= {key: new for key, new in batch.items() if key not in newest or new.at >= newest[key].at}
            file = LakeFile(Path("synced=2026-03-01") / f"{number}.parquet", "things", "w")
            index.put(Versions(list(batch), *zip(*batch.values(), strict=True)), file)
            if flushed:
                index.flush()
        live = sorted(key for key, entry in newest.items() if entry.alive)
        assert list(index.entries().items()) == sorted(newest.items())
        assert index.lookup(KEYS) == newest
        assert index.alive_by_scope() == Counter(newest[key].scope for key in live)
        same = [key in live and newest[key].hash == DIGEST[:-2] + "ff" for key in KEYS]
        assert [column.tolist() for column in index.compare(KEYS, [DIGEST[:-2] + "ff"] * len(KEYS))] == [
            [key in live for key in KEYS], same,
        ]  # fmt: skip
        assert index.spread(3) == live[2::3]
        after, up_to = data.draw(ENDS), data.draw(ENDS)
        there = [key for key in live if (after is None or key > after) and (up_to is None or key <= up_to)]
        assert list(index.alive(after, up_to)) == there
        seen = data.draw(st.lists(st.sampled_from(KEYS)))
        unseen = [(key, newest[key].scope) for key in there if key not in seen]
        assert index.unseen(KeySet(seen), after, up_to) == unseen
        scopes = data.draw(st.sets(st.sampled_from([*SCOPES, "campaign=never seen"])))
        assert index.unseen(KeySet(seen), after, up_to, scopes=scopes) == [one for one in unseen if one[1] in scopes]
        odd = [key for key in there if len(key) % 2]
        if after is not None and up_to is not None:
            assert index.last_alive(after, up_to, lambda key: len(key) % 2 == 1) == max(odd, default=None)


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
    assert writer.run({"id": "x" * 9000}, {"id": "b"}).unchanged == 2


def test_keys_of_all_kinds_are_known_to_the_next_run(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    records = [{"id": one, "campaign": "a"} for one in IDS if one]
    writer.run(*records)
    writer.run({"id": UUIDS[1], "campaign": "b"})
    assert writer.run(*records[:1], *records[2:], deleted=(f'["{UUIDS[1]}"]',)).unchanged == len(records) - 1
    assert writer.open().index.alive_by_scope() == {"campaign=a": len(records) - 1}

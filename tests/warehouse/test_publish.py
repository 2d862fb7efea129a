"""Publication: all or nothing, never in a reader's way, and readable by older drivers; and the reader's side."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import duckdb
import polars as pl
import pytest

from instantly_pipeline.errors import PublishRefused, StorageError, UsageError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.lake.logs import LOGS
from instantly_pipeline.warehouse.publish.publish import PublishResult, copy_database, open_folders
from instantly_pipeline.warehouse.published.query import query
from instantly_pipeline.warehouse.published.status import status
from tests.warehouse.lake_writer import LakeWriter, Opener, at, tiny_stream

pytestmark = pytest.mark.whole

THINGS = tiny_stream()


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """An SQL folder with one mart over the things, whose names must not be null."""
    return sql_folder(tmp_path / "sql")


def sql_folder(folder: Path) -> Path:
    """Such a folder."""
    for name in ("staging", "intermediate", "marts", "checks", "seeds"):
        (folder / name).mkdir(parents=True)
    (folder / "marts/m.sql").write_text("select id, name, made from staging.stg_things order by id")
    (folder / "marts/m.yml").write_text("models: [{name: m, key: [id], checks: [{not_null: name}]}]")
    return folder


def published(opener: Opener, sql: Path, run: str = "r1", hours: float = 1) -> PublishResult:
    """Load, make, publish."""
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    return warehouse.publish(run_id=run, now=at(hours))


def thing(id: str, **more: object) -> dict[str, object]:  # noqa: A002 - the API's name
    return {"id": id, "name": f"name of {id}", "made": "2026-02-01T23:30:00.000Z"} | more


def names(file: Path) -> list[str]:
    return [row[0] for row in query(file, "select name from marts.m order by id").rows]


def test_what_is_published_can_be_read_and_is_noted(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a"), thing("ä")])
    lake.upsert(THINGS, [thing("b")], 3, ws="ws-2")
    result = published(opener, sql)
    assert names(result.path) == ["name of a", "name of b", "name of ä"]
    assert result.tables == {"raw.things": 3, "marts.m": 3}
    assert result.bytes == result.path.stat().st_size
    row = result.published_row
    assert list(row) == LOGS["published"].names
    assert json.loads(str(row["watermark"])) == {
        "ws-1": "2026-03-01T06:00:00.000000Z",
        "ws-2": "2026-03-01T09:00:00.000000Z",
    }
    noted = query(result.path, "select run_id, published_at::varchar, storage_version from meta.published").rows
    assert noted == [("r1", "2026-03-01 07:00:00+00", "v1.2.0")]


def test_the_note_that_comes_back_from_the_lake_is_not_a_second_one(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    lake.log("published", [published(opener, sql).published_row])
    result = published(opener, sql, "r2", 2)
    assert query(result.path, "select run_id from meta.published order by 1").rows == [("r1",), ("r2",)]


def test_parquet_of_current_state_and_marts_lies_beside(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    published(opener, sql)
    current = pl.read_parquet(lake.layout.publish / "current/things.parquet")
    assert current.schema["made"] == pl.Datetime("us", "UTC")
    assert current["name"].to_list() == ["name of a"]
    mart = pl.read_parquet(lake.layout.publish / "marts/m.parquet")
    assert mart.schema["made"] == pl.Datetime("us")
    assert str(mart["made"][0]) == "2026-02-01 23:30:00"


@pytest.mark.parametrize(("mode", "folder_mode"), [(0o400, 0o700), (0o440, 0o750), (0o444, 0o755)])
def test_published_files_are_for_whom_the_mode_names_and_for_reading_only(
    lake: LakeWriter, opener: Opener, sql: Path, mode: int, folder_mode: int
) -> None:
    lake.upsert(THINGS, [thing("a")])
    published(opener, sql)
    warehouse = opener(THINGS, sql_dir=sql, load=True, publish_mode=mode)
    warehouse.run_models()
    warehouse.publish(run_id="r2", now=at(2))
    rights = {path.relative_to(lake.layout.root).as_posix(): path.stat().st_mode & 0o777
              for path in (lake.layout.publish, *lake.layout.publish.rglob("*"))}  # fmt: skip
    files = ("current/things.parquet", "marts/m.parquet", "views.sql", "warehouse.duckdb")
    folders = dict.fromkeys(("publish", "publish/current", "publish/marts"), folder_mode)
    assert rights == folders | {f"publish/{name}": mode for name in files}


@pytest.mark.parametrize(("mode", "way"), [(0o400, 0o700), (0o440, 0o710), (0o444, 0o711)])
@pytest.mark.parametrize("before", [0o700, 0o755])
def test_the_way_to_what_is_published_is_open_to_whom_the_mode_names(
    tmp_path: Path, mode: int, way: int, before: int
) -> None:
    layout = Layout(tmp_path / "data")
    (layout.root / "lake").mkdir(parents=True)
    layout.root.chmod(before)
    open_folders(layout, mode)
    assert layout.root.stat().st_mode & 0o777 == way


def test_a_data_directory_that_holds_other_things_keeps_its_own_rights(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    (lake.layout.root / "notes.txt").write_text("of the user")
    lake.layout.root.chmod(0o755)
    published(opener, sql)
    assert lake.layout.root.stat().st_mode & 0o777 == 0o755


def test_what_a_killed_publication_left_is_removed_and_what_others_put_there_is_not(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    folder = lake.layout.publish
    left = [folder / ".warehouse.duckdb.0123abcd.tmp", folder / "marts/.m.parquet.0123abcd.tmp"]
    theirs = [folder / "marts/old.parquet", folder / "current/.notes.tmp", folder / "own/a.parquet"]
    for path in (*left, *theirs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    published(opener, sql)
    published(opener, sql, "r2", 2)
    assert [path for path in left if path.exists()] == []
    assert [path.read_bytes() for path in theirs] == [b"x"] * 3


@pytest.mark.parametrize("damaged", ["null", "[1, {}]", "{", ""])
def test_a_damaged_list_of_published_files_is_none(lake: LakeWriter, opener: Opener, sql: Path, damaged: str) -> None:
    lake.upsert(THINGS, [thing("a")])
    published(opener, sql)
    layout = lake.layout
    before = json.loads(layout.published_list.read_bytes())
    layout.published_list.write_text(damaged)
    published(opener, sql, run="r2", hours=2)
    assert json.loads(layout.published_list.read_bytes()) == before


def test_a_folder_in_the_place_of_a_published_file_is_named(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    place = published(opener, sql).path.parent / "marts" / "m.parquet"
    place.unlink()
    place.mkdir()
    with pytest.raises(StorageError, match=r"marts/m\.parquet cannot be written"):
        published(opener, sql, run="r2", hours=2)


def test_the_file_of_a_mart_there_is_no_more_is_removed(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    (sql / "marts/n.sql").write_text("select id from staging.stg_things")
    published(opener, sql)
    assert (lake.layout.publish / "marts/n.parquet").exists()
    (sql / "marts/n.sql").unlink()
    published(opener, sql, "r2", 2)
    assert [path.name for path in (lake.layout.publish / "marts").iterdir()] == ["m.parquet"]


LINKED = ["publish", "publish/current", "publish/marts", "publish/warehouse.duckdb", "publish/views.sql",
          "publish/marts/m.parquet", "work", "work/spill", "work/build.duckdb"]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "dangling"), [*((place, False) for place in LINKED), *((place, True) for place in LINKED[3:6])]
)
def test_nothing_is_written_or_removed_through_a_link(
    lake: LakeWriter, opener: Opener, sql: Path, tmp_path: Path, place: str, dangling: bool
) -> None:
    lake.upsert(THINGS, [thing("a")])
    opener.close()
    link, target = lake.layout.root / place, tmp_path / "elsewhere"
    if not dangling and "." in link.name:
        target.write_bytes(b"of somebody else")
    elif not dangling:
        target.mkdir()
        (target / "theirs.parquet").write_bytes(b"of somebody else")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    with pytest.raises(StorageError, match=rf"{place} is a link to .*elsewhere"):
        published(opener, sql)
    assert link.is_symlink()
    if target.is_dir():
        assert [path.read_bytes() for path in target.iterdir()] == [b"of somebody else"]
    else:
        assert dangling is not target.exists()
        assert dangling or target.read_bytes() == b"of somebody else"


def test_a_copy_of_the_build_file_by_hard_link_keeps_what_it_holds(
    lake: LakeWriter, opener: Opener, sql: Path, tmp_path: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    published(opener, sql)
    copy = tmp_path / "copy.duckdb"
    copy.hardlink_to(lake.layout.build_file)
    before = copy.read_bytes()
    lake.upsert(THINGS, [thing("b")], 2)
    assert names(published(opener, sql, "r2", 3).path) == ["name of a", "name of b"]
    assert copy.read_bytes() == before


def test_a_file_whose_name_the_user_gave_has_the_users_own_rights(
    lake: LakeWriter, opener: Opener, sql: Path, tmp_path: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    before = os.umask(0o022)
    try:
        with writing(lake.layout.root, command="rebuild"):
            warehouse = opener(THINGS, sql_dir=sql, load=True)
            warehouse.run_models()
            to = warehouse.publish(run_id="r", now=at(1), to=tmp_path / "quarters" / "q1.duckdb").path
    finally:
        os.umask(before)
    assert to.stat().st_mode & 0o777 == 0o444
    assert to.parent.stat().st_mode & 0o777 == 0o755


def test_a_stale_log_of_an_old_reader_is_removed(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.layout.publish.mkdir()
    stale = lake.layout.publish / "warehouse.duckdb.wal"
    stale.write_bytes(b"of another file")
    lake.upsert(THINGS, [thing("a")])
    assert names(published(opener, sql).path) == ["name of a"]
    assert not stale.exists()


def test_a_failed_blocking_check_leaves_the_last_good_files(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    good = published(opener, sql).path
    before = {path: path.read_bytes() for path in lake.layout.publish.rglob("*.*")}
    lake.upsert(THINGS, [thing("b", name=None)], 2)
    with pytest.raises(PublishRefused, match="name not null: 1 rows") as caught:
        published(opener, sql, "r2", 3)
    assert caught.value.exit_code == 1
    assert {path: path.read_bytes() for path in lake.layout.publish.rglob("*.*")} == before
    assert names(good) == ["name of a"]


def test_a_full_disk_is_seen_before_anything_is_written(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    warehouse = opener(THINGS, sql_dir=sql, load=True, free_bytes=lambda folder: 4096)
    warehouse.run_models()
    with pytest.raises(StorageError, match="free some space"):
        warehouse.publish(run_id="r", now=at(1))
    assert list(lake.layout.publish.rglob("*.*")) == []


@pytest.mark.parametrize("where", ["marts", "warehouse.duckdb/x"])
def test_a_place_that_cannot_be_written_is_said_and_nothing_is_left_beside(
    lake: LakeWriter, opener: Opener, sql: Path, where: str
) -> None:
    blocker = lake.layout.publish / where
    blocker.parent.mkdir(parents=True)
    blocker.write_text("a file where a folder should be, or a folder with a file where a file should be")
    lake.upsert(THINGS, [thing("a")])
    with pytest.raises(StorageError, match="cannot be written"):
        published(opener, sql)
    assert not list(lake.layout.publish.rglob(".*.tmp"))
    assert blocker.exists()


def test_nothing_is_left_beside_where_one_of_the_tables_cannot_be_read(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    for number in range(5):
        (sql / f"marts/n{number}.sql").write_text("select id from staging.stg_things")
    lake.upsert(THINGS, [thing("a")])
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    warehouse.run_checks()
    warehouse.connection.execute("drop table marts.n4")
    with pytest.raises(duckdb.CatalogException, match="n4"):
        warehouse.publish(run_id="r1", now=at(1))
    assert not list(lake.layout.publish.rglob("*.tmp"))


def test_a_reader_keeps_the_file_it_has_open_and_the_next_one_gets_the_new_one(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    path = published(opener, sql).path
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
        "q = 'select count(*) from marts.m'; print(c.execute(q).fetchone()[0], flush=True); sys.stdin.readline();"
        "print(c.execute(q).fetchone()[0], flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "1\n"
        lake.upsert(THINGS, [thing("b")], 2)
        published(opener, sql, "r2", 3)
        assert reader.communicate("go on\n")[0] == "1\n"
    assert names(path) == ["name of a", "name of b"]


def test_the_views_show_what_is_published_next_without_connecting_again(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    statements = published(opener, sql).path.with_name("views.sql").read_text(encoding="utf-8")
    with duckdb.connect() as con:
        con.execute(statements)
        found = con.execute("select m.name from marts.m m join raw.things t using (id) order by 1").fetchall()
        lake.upsert(THINGS, [thing("b")], 2)
        published(opener, sql, "r2", 3)
        again = con.execute("select m.name from marts.m m join raw.things t using (id) order by 1").fetchall()
    assert (found, again) == ([("name of a",)], [("name of a",), ("name of b",)])


def test_readers_in_a_loop_never_see_a_part(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing(f"{number:04}") for number in range(500)])
    path = published(opener, sql).path
    seen: set[object] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = query(path, "select count(*), count(distinct count) from (select *, 1 as count from marts.m)").rows
            seen.add(found[0])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 5):
        lake.upsert(THINGS, [thing(f"new {number} {more}") for more in range(500)], number)
        published(opener, sql, f"r{number}", number)
    done.set()
    reader.join()
    assert seen <= {(500 * number, 1) for number in range(1, 6)}
    assert seen


def test_the_warehouse_goes_on_after_a_publication(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    warehouse.publish(run_id="r1", now=at(1))
    lake.upsert(THINGS, [thing("b")], 2)
    assert warehouse.load()["things"].rows == 2
    warehouse.run_models()
    assert names(warehouse.publish(run_id="r2", now=at(3)).path) == ["name of a", "name of b"]


def test_a_rebuild_as_of_a_time_can_be_written_elsewhere(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    first = published(opener, sql)
    lake.log("published", [first.published_row])
    lake.upsert(THINGS, [thing("a", name="changed"), thing("b")], 5)
    published(opener, sql, "r2", 6)
    now = {path: path.read_bytes() for path in lake.layout.publish.rglob("*.*")}
    warehouse = opener(THINGS, sql_dir=sql)
    warehouse.load(as_of=at(3))
    warehouse.run_models()
    out = lake.layout.publish / "as-of-2026-03-01T09.duckdb"
    assert warehouse.publish(run_id="as-of", now=at(9), to=out).path == out
    assert names(out) == ["name of a"]
    assert {path: path.read_bytes() for path in lake.layout.publish.rglob("*.*") if path != out} == now


def test_a_time_when_a_mart_was_empty_can_be_rebuilt(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    """That it has rows now says nothing against it."""
    (sql / "marts/m.sql").write_text("select id, name, made from staging.stg_things where name <> 'no'")
    lake.upsert(THINGS, [thing("a", name="no")])
    lake.log("published", [published(opener, sql).published_row])
    lake.upsert(THINGS, [thing("b")], 5)
    published(opener, sql, "r2", 6)
    warehouse = opener(THINGS, sql_dir=sql)
    warehouse.load(as_of=at(3))
    warehouse.run_models()
    assert names(warehouse.publish(run_id="as-of", now=at(9), to=lake.layout.root / "then.duckdb").path) == []


def test_a_folder_that_cannot_be_made_for_a_rebuild_is_said(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    with pytest.raises(StorageError, match="cannot be written"):
        warehouse.publish(run_id="r", now=at(1), to=sql / "marts/m.sql/then.duckdb")


def test_a_publication_that_failed_is_not_in_the_next_one(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.layout.published_file.mkdir(parents=True)  # in the way
    lake.upsert(THINGS, [thing("a")])
    with pytest.raises(StorageError):
        published(opener, sql)
    opener.close()
    lake.layout.published_file.rmdir()
    result = published(opener, sql, "r2", 2)
    assert query(result.path, "select run_id from meta.published").rows == [("r2",)]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk that takes no more of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("step", ["load", "run_models", "publish"])
def test_a_disk_that_is_full_is_said_and_the_next_run_goes_on(
    lake: LakeWriter, opener: Opener, sql: Path, step: str
) -> None:
    lake.upsert(THINGS, [thing("a")])
    published(opener, sql)
    chance = random.Random(1)
    many = [thing(f"{number:06}", name=chance.randbytes(400).hex()) for number in range(2_000)]
    lake.upsert(THINGS, many, 2)
    warehouse = opener(THINGS, sql_dir=sql)
    steps = {
        "load": warehouse.load,
        "run_models": warehouse.run_models,
        "publish": lambda: warehouse.publish(run_id="r2", now=at(3)),
    }
    for name, do in steps.items():
        if name == step:
            size = lake.layout.build_file.stat().st_size // (2 if name == "publish" else 1)
            with files_no_larger_than(size), pytest.raises(StorageError, match=r"no room|cannot be written"):
                do()
        do()
    assert len(names(lake.layout.published_file)) == 2_001
    assert opener.said == []


def test_a_disk_that_does_not_take_the_copy_is_said_and_nothing_is_left_beside(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    lake.upsert(THINGS, [thing("a")])
    place = published(opener, sql).path
    before = place.read_bytes()
    source = lake.layout.build_file
    with files_no_larger_than(source.stat().st_size - 1), pytest.raises(StorageError, match="cannot be written"):
        copy_database(source, place, "v1.2.0")
    assert place.read_bytes() == before
    assert list(place.parent.glob(".*")) == []


def test_the_published_file_has_the_storage_version_of_older_drivers(
    lake: LakeWriter, opener: Opener, sql: Path
) -> None:
    """Byte 12 of a DuckDB file is its version number: 64 is readable since 0.10, 2.0's own default is higher."""
    lake.upsert(THINGS, [thing("a")])
    path = published(opener, sql).path
    assert int.from_bytes(path.read_bytes()[12:20], "little") <= 65
    other = path.with_name("default.duckdb")
    with duckdb.connect(str(other)) as con:
        con.execute("create table t as select 1")
    assert int.from_bytes(other.read_bytes()[12:20], "little") > int.from_bytes(path.read_bytes()[12:20], "little")


# --- readers


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file of two things, to look at."""
    folder = tmp_path_factory.mktemp("there")
    lake = LakeWriter(folder)
    lake.upsert(THINGS, [thing("a"), thing("b")])
    opener = Opener(lake)
    path = published(opener, sql_folder(folder / "sql")).path
    opener.close()
    return path


def test_a_query_gives_names_types_and_rows(there: Path) -> None:
    found = query(there, "select id, 1.5::double as half, made from marts.m order by id")
    assert found.columns == ["id", "half", "made"]
    assert found.types == ["VARCHAR", "DOUBLE", "TIMESTAMP"]
    assert [row[0] for row in found.rows] == ["a", "b"]
    assert len(query(there, "from marts.m", limit=1).rows) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "create table marts.mine as select 1",
        "insert into marts.m select * from marts.m",
        "delete from raw.things",
        "drop table raw.things",
        "copy marts.m to '{folder}/out.csv'",
        "attach '{folder}/other.duckdb'",
        "install httpfs",
        "select * from read_csv('/etc/passwd')",
        "set enable_external_access = true",
        "select * from nowhere",
        "selec",
        "",
    ],
)
def test_a_query_changes_nothing_and_reaches_nothing_else(there: Path, statement: str, tmp_path: Path) -> None:
    before = there.read_bytes()
    with pytest.raises(UsageError):
        query(there, statement.format(folder=tmp_path))
    assert there.read_bytes() == before
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "other.duckdb").exists()


def test_without_a_published_file_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sync"):
        query(tmp_path / "warehouse.duckdb", "select 1")
    with pytest.raises(UsageError, match="sync"):
        status(tmp_path / "warehouse.duckdb")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(b"x" * 10_000)
    with pytest.raises(StorageError, match="rebuild"):
        query(tmp_path / "warehouse.duckdb", "select 1")


def test_the_status_tells_how_every_stream_stands(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    lake.upsert(THINGS, [thing("a")])
    run = {
        "workspace_name": "main",
        "started_at": at(0),
        "ended_at": at(1),
        "outcome": "ok",
        "full": True,
        "requests": 7,
    }
    lake.log("sync_runs", [run | {"run_id": f"r{number}", "started_at": at(number)} for number in range(8)])
    lake.log(
        "stream_status",
        [{"stream": "things", "outcome": "ok", "partial": True, "started_at": at(0), "ended_at": at(1)}],
    )
    lake.log("held_deletes", [{"stream": "things", "key": "k", "state": "held", "noted_at": at(0)}])
    lake.log("quarantine", [{"stream": "things", "key": "k", "column": "c", "seen_at": at(0), "occurrences": 1}])
    lake.log("collapsed_days", [{"stream": "things", "key": "k", "syncs": n, "seen_at": at(n)} for n in (1, 2)])
    lake.log("notices", [{"stream": "things", "notice": notice, "seen_at": at(0)} for notice in ("a", "b")])
    found = status(published(opener, sql).path)
    assert (found.published_at, found.published_run) == (at(1), "r1")
    stream = found.streams[0]
    assert (stream.workspace_name, stream.stream, stream.outcome, stream.rows) == ("main", "things", "ok", 1)
    assert (stream.last_success_at, stream.partial, stream.held_deletes) == (at(1), True, 1)
    assert [one.run_id for one in found.runs] == ["r7", "r6", "r5", "r4", "r3"]
    assert (found.runs[0].requests, found.runs[0].started_at) == (7, at(7))
    assert (found.quarantined, found.drifted, found.held_deletes) == (1, 0, 1)
    assert (found.collapsed_days, found.notices) == (1, 2)
    assert found.published_at is not None
    assert found.published_at.tzinfo is UTC


def test_the_status_reads_a_file_that_version_0_1_0_published(there: Path, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    shutil.copyfile(there, path)
    with duckdb.connect(str(path)) as con:
        con.execute("drop table meta.collapsed_days; drop table meta.notices")
    found = status(path)
    assert (found.collapsed_days, found.notices, found.published_run) == (0, 0, "r1")


def test_the_status_of_a_file_of_another_make_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create table t as select 1")
    with pytest.raises(StorageError, match="not a file this version can read"):
        status(path)


def test_what_the_build_file_knows_of_itself_is_not_published(lake: LakeWriter, opener: Opener, sql: Path) -> None:
    schemas = "select schema_name from duckdb_schemas() where not internal order by 1"
    warehouse = opener(THINGS, sql_dir=sql, load=True)
    warehouse.run_models()
    with duckdb.connect(str(warehouse.publish(run_id="r1", now=at(1)).path), read_only=True) as con:
        public = con.execute(schemas).fetchall()
    assert warehouse.connection.execute(schemas).fetchall() == [("_build",), *public]


def test_a_published_file_can_be_moved_and_still_answers(there: Path, tmp_path: Path) -> None:
    """Views name their tables without the name of the database, which follows the file's."""
    moved = tmp_path / "elsewhere.duckdb"
    shutil.copyfile(there, moved)
    with duckdb.connect(str(moved), read_only=True) as con:
        assert con.execute("select name from staging.stg_things where id = 'a'").fetchall() == [("name of a",)]

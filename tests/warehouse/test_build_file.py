"""The build file: a cache that is rebuilt when it cannot be used, and that one process has open at a time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from instantly_pipeline.errors import LockedError, StorageError
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.warehouse.db.build_file import refused_by_machine
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.warehouse.lake_writer import LakeWriter, Opener, at, tiny_stream

pytestmark = pytest.mark.medium

THINGS = tiny_stream()


def count(warehouse: duckdb.DuckDBPyConnection) -> int:
    found = warehouse.execute("select count(*) from raw.things").fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 20_000])
def test_a_file_that_is_no_database_is_made_again_and_said_so(lake: LakeWriter, opener: Opener, content: bytes) -> None:
    lake.upsert(THINGS, [{"id": "a"}])
    lake.layout.work.mkdir()
    lake.layout.build_file.write_bytes(content)
    warehouse = opener(THINGS, load=True)
    assert count(warehouse.connection) == 1
    assert not content or "is rebuilt" in opener.said[0]


def test_a_file_whose_blocks_are_damaged_is_made_again(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": str(number), "name": f"name {number}" * 20} for number in range(3000)])
    warehouse = opener(THINGS, load=True)
    warehouse.close()
    content = bytearray(lake.layout.build_file.read_bytes())
    content[12288:] = b"\x55" * (len(content) - 12288)
    lake.layout.build_file.write_bytes(content)
    lake.upsert(THINGS, [{"id": "0", "name": "new"}], 1)
    warehouse.load()
    assert count(warehouse.connection) == 3000
    assert any("rebuilt" in line for line in opener.said)


def test_what_was_loaded_and_made_is_in_the_file_whatever_happens_to_the_process(
    lake: LakeWriter, opener: Opener, tmp_path: Path
) -> None:
    """A copy of the open file is what a kill leaves."""
    lake.upsert(THINGS, [{"id": "a"}])
    model = tmp_path / "sql" / "marts" / "some.sql"
    model.parent.mkdir(parents=True)
    model.write_text("select id from raw.things", encoding="utf-8")
    warehouse = opener(THINGS, sql_dir=model.parents[1])
    warehouse.load()
    killed = shutil.copy(lake.layout.build_file, tmp_path / "killed.duckdb")
    assert sorted(lake.layout.work.glob("build.duckdb*")) == [lake.layout.build_file]  # no log that would be replayed
    with duckdb.connect(killed, read_only=True) as con:
        assert count(con) == 1
    warehouse.run_models()
    killed = shutil.copy(lake.layout.build_file, tmp_path / "later.duckdb")
    with duckdb.connect(killed, read_only=True) as con:
        assert con.execute("from marts.some").fetchall() == [("a",)]


def test_a_log_that_an_earlier_version_left_is_not_replayed(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a"}])
    opener(THINGS, load=True).close()
    leave = "con = duckdb.connect(sys.argv[1]); con.execute('delete from raw.things'); os._exit(0)"
    subprocess.run([sys.executable, "-c", f"import duckdb, os, sys; {leave}", lake.layout.build_file], check=True)
    log = lake.layout.build_file.with_name("build.duckdb.wal")
    assert log.stat().st_size > 0
    assert count(opener(THINGS, load=True).connection) == 1
    assert not log.exists()


def test_a_database_of_somebody_else_is_made_again(lake: LakeWriter, opener: Opener) -> None:
    lake.layout.work.mkdir()
    with duckdb.connect(str(lake.layout.build_file)) as other:
        other.execute("create table mine as select 1")
    assert count(opener(THINGS, load=True).connection) == 0


def test_another_storage_version_makes_it_again_and_the_file_has_it(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a"}])
    opener(THINGS, load=True).close()
    warehouse = opener(THINGS, storage_version="v1.4.0", load=True)
    tags = warehouse.connection.execute("select tags['storage_version'] from duckdb_databases() where not internal")
    assert "v1.4.0" in str(tags.fetchone())
    assert "storage version" in opener.said[0]
    warehouse.close()
    con = opener(THINGS, load=True).connection
    assert "v1.2.0" in str(con.execute("select tags['storage_version'] from duckdb_databases()").fetchall())


def test_a_storage_version_duckdb_does_not_know_is_refused_in_words(opener: Opener) -> None:
    with pytest.raises(StorageError, match="refuses the settings"):
        opener(THINGS, storage_version="v0.wrong").load()


def test_a_memory_limit_duckdb_does_not_know_is_refused_in_words(opener: Opener) -> None:
    with pytest.raises(StorageError, match="refuses the settings"):
        opener(THINGS, memory_limit="much").load()


def test_a_table_that_memory_is_too_small_for_is_named_with_what_to_set(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": f"{number}", "name": "x" * 100} for number in range(60_000)])
    with pytest.raises(StorageError, match=r"no room for things: .* 9MB of memory \(INSTANTLY_MEMORY_LIMIT\)"):
        opener(THINGS, memory_limit="9MB").load()


def test_a_file_that_another_process_has_open_is_left_alone(lake: LakeWriter, opener: Opener) -> None:
    lake.layout.work.mkdir()
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); c.execute('create table t as select 1');"
        "print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(lake.layout.build_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        with pytest.raises(LockedError, match="open in another program"):
            opener(THINGS).load()
        assert lake.layout.build_file.with_name("build.duckdb.wal").exists()  # what it has not put into the file yet
        other.communicate()
    with duckdb.connect(str(lake.layout.build_file)) as con:
        assert con.execute("select count(*) from t").fetchone() == (1,)


SPILL = """
import os, sys
from pathlib import Path
from instantly_pipeline.warehouse.db.build_file import open_build
build, spill = map(Path, sys.argv[1:])
con = open_build(build, storage_version="v1.2.0", memory_limit="40MB", spill=spill, say=print)
con.execute("create temp table many as select range::varchar || ' of a person' as text from range(2_000_000)")
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_spilled_is_removed(lake: LakeWriter, opener: Opener) -> None:
    spill = lake.layout.work / "spill"
    subprocess.run([sys.executable, "-c", SPILL, lake.layout.build_file, spill], check=False)
    assert sum(path.stat().st_size for path in spill.iterdir()) > 1_000_000
    opener(THINGS).connection.execute("select 1")
    assert list(spill.iterdir()) == []


def test_removing_it_and_loading_again_gives_the_same_tables(lake: LakeWriter, opener: Opener) -> None:
    for hours, name in enumerate("ABA"):
        lake.upsert(THINGS, [{"id": "a", "name": name}, {"id": "b"}], hours)
    lake.delete(THINGS, [{"id": "b"}], 9)
    warehouse = opener(THINGS)
    for _ in range(2):
        warehouse.load()
    question = "select * from history.things order by _key, _valid_from"
    before = warehouse.connection.execute(question).fetchall()
    warehouse.remove()
    warehouse.load()
    assert warehouse.connection.execute(question).fetchall() == before


def test_the_tables_carry_their_descriptions(opener: Opener) -> None:
    con = opener(THINGS, load=True).connection
    described = con.execute(
        "select count(*) from duckdb_columns() where schema_name in ('raw', 'history') and comment is null"
    ).fetchone()
    assert described == (0,)
    assert con.execute("select comment from duckdb_tables() where schema_name = 'raw'").fetchone() == (
        "Things. Current state, one row per key; deleted ones are kept.",
    )


# --- the logs


def test_the_later_row_of_a_run_counts(lake: LakeWriter, opener: Opener) -> None:
    run = {"run_id": "r1", "workspace_name": "main", "started_at": at(0), "full": True}
    lake.log("sync_runs", [run | {"outcome": "ok", "ended_at": at(1), "requests": 12}])
    lake.log("sync_runs", [run | {"outcome": "running"}])
    con = opener(THINGS, load=True).connection
    assert con.execute("select outcome, requests, workspace_id from meta.sync_runs").fetchall() == [("ok", 12, "ws-1")]


def test_a_run_that_never_ended_was_cut_off_once_another_has_begun(lake: LakeWriter, opener: Opener) -> None:
    for number, outcome in enumerate(("running", "ok", "running")):
        ended = at(number + 0.5) if outcome == "ok" else None
        run = {"run_id": f"r{number}", "started_at": at(number), "ended_at": ended, "outcome": "running"}
        lake.log("sync_runs", [run, run | {"outcome": outcome}])
    con = opener(THINGS, load=True).connection
    found = con.execute("select outcome from meta.sync_runs order by started_at").fetchall()
    assert found == [("interrupted",), ("ok",), ("running",)]


def test_the_status_of_a_stream_is_its_last_outcome_and_last_success(lake: LakeWriter, opener: Opener) -> None:
    lake.upsert(THINGS, [{"id": "a"}, {"id": "b"}])
    lake.delete(THINGS, [{"id": "a"}], 1)
    for hours, outcome in ((3, "skipped"), (1, "ok"), (2, "partial")):
        row = {"stream": "things", "outcome": outcome, "reason": outcome, "ended_at": at(hours), "partial": False}
        lake.log("stream_status", [row | {"run_id": f"r{hours}", "started_at": at(hours)}])
    lake.log("held_deletes", [{"stream": "things", "key": '["x"]', "state": "held", "noted_at": at(1)}])
    con = opener(THINGS, load=True).connection
    found = con.execute(
        "select outcome, reason, epoch_us(last_success_at) - epoch_us($1::timestamptz), rows, held_deletes "
        "from meta.stream_status",
        [at(0)],
    ).fetchall()
    assert found == [("skipped", "skipped", timedelta(hours=2) // timedelta(microseconds=1), 1, 1)]


def test_rows_of_the_status_follow_the_stream_without_a_new_status(lake: LakeWriter, opener: Opener) -> None:
    lake.log("stream_status", [{"stream": "things", "outcome": "ok", "started_at": at(0), "ended_at": at(0)}])
    warehouse = opener(THINGS, load=True)
    lake.upsert(THINGS, [{"id": "a"}])
    warehouse.load()
    assert warehouse.connection.execute("select rows from meta.stream_status").fetchall() == [(1,)]


def test_what_is_odd_is_counted_over_the_runs_and_doubles_do_not_count(lake: LakeWriter, opener: Opener) -> None:
    odd = {
        "stream": "things",
        "key": '["a"]',
        "column": "count",
        "expected": "int",
        "found_type": "text",
        "reason": "odd",
    }
    first = {**odd, "run_id": "r1", "seen_at": at(0), "occurrences": 1}
    lake.log("quarantine", [first])
    warehouse = opener(THINGS, load=True)
    lake.log("quarantine", [first])  # a compacted file beside its old one
    lake.log("quarantine", [{**odd, "run_id": "r2", "seen_at": at(5), "occurrences": 2}])
    drift = {"stream": "things", "field": "new", "kind": "new field", "times": 4}
    lake.log("schema_drift", [{**drift, "seen_at": at(1)}, {**drift, "seen_at": at(2)}])
    warehouse.load()
    con = warehouse.connection
    passed = "last_seen_at - first_seen_at"
    assert con.execute(f"select occurrences, {passed} from meta.quarantine").fetchall() == [(3, timedelta(hours=5))]
    assert con.execute(f"select times, {passed} from meta.schema_drift").fetchall() == [(8, timedelta(hours=1))]


def test_a_deletion_that_was_released_is_held_no_more(lake: LakeWriter, opener: Opener) -> None:
    held = {"stream": "things", "state": "held", "noted_at": at(1), "reason": "all gone"}
    lake.log("held_deletes", [{**held, "key": key} for key in ('["a"]', '["b"]')])
    lake.log("held_deletes", [{**held, "key": '["a"]', "state": "released", "noted_at": at(2)}])
    con = opener(THINGS, load=True).connection
    assert con.execute("select key, reason from meta.held_deletes").fetchall() == [('["b"]', "all gone")]


def test_the_last_run_counts_even_where_the_clock_went_back(lake: LakeWriter, opener: Opener) -> None:
    for number, hours in ((1, 30), (2, 6)):
        run = f"r{number}"
        lake.log("sync_runs", [{"run_id": run, "started_at": at(hours), "outcome": "running"}])
        row = {"run_id": run, "stream": "things", "started_at": at(hours), "ended_at": at(hours)}
        lake.log("stream_status", [{**row, "outcome": "ok", "reason": run}])
        held = {"run_id": run, "stream": "things", "key": '["a"]', "noted_at": at(hours)}
        lake.log("held_deletes", [{**held, "state": "held" if number == 1 else "released"}])
    con = opener(THINGS, load=True).connection
    assert con.execute("select key from meta.held_deletes").fetchall() == []
    found = "select reason, last_success_at = started_at from meta.stream_status"
    assert con.execute(found).fetchall() == [("r2", True)]
    runs = con.execute("select run_id, outcome from meta.sync_runs order by run_id").fetchall()
    assert runs == [("r1", "interrupted"), ("r2", "running")]


def test_the_last_comparison_with_a_counter_counts(lake: LakeWriter, opener: Opener) -> None:
    row = {"campaign_id": "c", "metric": "leads", "ours": 1.0, "theirs": 2.0, "difference": -1.0}
    lake.log("reconciliation", [{**row, "checked_at": at(2), "ours": 2.0, "difference": 0.0}])
    lake.log("reconciliation", [{**row, "checked_at": at(1)}])
    con = opener(THINGS, load=True).connection
    assert con.execute("select ours, difference from meta.reconciliation").fetchall() == [(2.0, 0.0)]


def test_whole_records_without_a_key_stay_in_the_lake(lake: LakeWriter, opener: Opener) -> None:
    lake.log("rejected", [{"stream": "things", "record": '{"email": "bo@clinic.example"}', "reason": "no key"}])
    warehouse = opener(THINGS, load=True)
    warehouse.close()
    assert b"bo@clinic" not in lake.layout.build_file.read_bytes()


def test_a_log_of_an_older_version_lacks_columns(lake: LakeWriter, opener: Opener, tmp_path: Path) -> None:
    path = lake.log("sync_runs", [{"started_at": at(0), "outcome": "ok"}])
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["retries", "workspace_name"]), path)
    con = opener(THINGS, load=True).connection
    assert con.execute("select outcome, retries, workspace_name from meta.sync_runs").fetchall() == [("ok", None, None)]


def test_ranges_a_later_one_has_overtaken_are_forgotten_and_missed_by_nobody(lake: LakeWriter, opener: Opener) -> None:
    lake.log("verified", [{"stream": "things", "verified_at": at(n)} for n in range(1, 4)])
    warehouse = opener(THINGS, load=True)
    lake.upsert(THINGS, [{"id": "a"}])
    warehouse.load()
    con = warehouse.connection
    assert con.execute("select count(*) from log.verified").fetchone() == (1,)
    assert con.execute("select _verified_at = $1 from raw.things", [at(3)]).fetchone() == (True,)


def test_what_was_erased_from_the_lake_does_not_linger_in_the_build_file(lake: LakeWriter, opener: Opener) -> None:
    import pyarrow.compute as pc

    secret = "bo.ek.of.clinic@example.test " * 20  # long enough not to be packed away
    rows = [{"id": f"{number}", "name": f"{secret}{number}"} for number in range(2000)]
    path = lake.upsert(THINGS, [*rows, {"id": "kept", "name": "kept"}])
    warehouse = opener(THINGS, load=True)
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.filter(pc.field("id") == "kept"), path)
    warehouse.load()
    assert count(warehouse.connection) == 1
    warehouse.close()
    assert b"bo.ek.of.clinic" not in lake.layout.build_file.read_bytes()
    assert "rebuilt" in opener.said[-1]


def compacted(lake: LakeWriter, opener: Opener) -> Warehouse:
    """A record and a status of three versions each, loaded, then compacted."""
    for hours, name in enumerate("ABA"):
        lake.upsert(THINGS, [{"id": "a", "name": name}], hours)
        lake.log("quarantine", [{"run_id": name, "stream": "things", "seen_at": at(hours), "occurrences": 1}])
    warehouse = opener(THINGS, load=True)
    assert compact(lake.layout, now=at(72)).joined == 6
    return warehouse


def test_nothing_is_read_again_after_a_compaction(lake: LakeWriter, opener: Opener) -> None:
    warehouse = compacted(lake, opener)
    warehouse.connection.execute("update history.things set name = 'as loaded' where _valid_to is null")
    result = warehouse.load()["things"]
    assert (result.files, result.reloaded, result.versions_added) == (1, False, 0)
    con = warehouse.connection
    assert con.execute("select name from history.things where _valid_to is null").fetchall() == [("as loaded",)]
    noted = con.execute("select rows, last_synced_at = $1 from meta.loaded_files where area = 'changes'", [at(2)])
    assert noted.fetchall() == [(3, True)]
    lake.upsert(THINGS, [{"id": "a", "name": "C"}], 3)
    assert warehouse.load()["things"].versions_added == 1
    compact(lake.layout, now=at(96))  # now the old files go
    assert not warehouse.load()["things"].reloaded
    assert opener.said == []


def test_a_file_compacted_in_an_older_way_reloads_the_stream(lake: LakeWriter, opener: Opener) -> None:
    warehouse = compacted(lake, opener)
    before = warehouse.connection.execute("select * from history.things order by _valid_from").fetchall()
    for path in lake.layout.lake.rglob("*z.parquet"):
        table = pq.read_table(path, partitioning=None)
        pq.write_table(table.replace_schema_metadata({b"replaces": table.schema.metadata[b"replaces"]}), path)
    assert warehouse.load()["things"].reloaded
    assert warehouse.connection.execute("select * from history.things order by _valid_from").fetchall() == before
    assert opener.said == []


def test_what_was_erased_before_a_compaction_does_not_linger(lake: LakeWriter, opener: Opener) -> None:
    path = lake.upsert(THINGS, [{"id": "a", "name": "secret"}, {"id": "b"}])
    lake.upsert(THINGS, [{"id": "b", "name": "B"}], 1)
    warehouse = opener(THINGS, load=True)
    pq.write_table(pq.read_table(path, partitioning=None).slice(1), path)
    compact(lake.layout, now=at(72))
    warehouse.load()
    assert count(warehouse.connection) == 1
    assert "rebuilt" in opener.said[-1]


def test_a_table_of_meta_is_computed_again_once_its_rule_changes(lake: LakeWriter, opener: Opener) -> None:
    lake.log("quarantine", [{"stream": "things", "seen_at": at(0), "occurrences": 1}])
    warehouse = opener(THINGS, load=True)
    warehouse.connection.execute("delete from meta.quarantine")
    warehouse.connection.execute("update _build.facts set value = 'older' where name = 'fold quarantine'")
    warehouse.close()
    con = opener(THINGS, load=True).connection
    assert con.execute("select occurrences from meta.quarantine").fetchall() == [(1,)]


def test_transactions_that_conflict_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as first, first.cursor() as second:
        first.execute("create table t as select 1 as x")
        first.begin()
        second.begin()
        first.execute("delete from t")
        with pytest.raises(duckdb.TransactionException) as conflict:
            second.execute("delete from t")
        assert not refused_by_machine(conflict.value)

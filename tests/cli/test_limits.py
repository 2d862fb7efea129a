"""What a query may take of the machine, and how it is stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.cli.signals import INTERRUPTED, TERMINATED
from instantly_pipeline.errors import StorageError
from instantly_pipeline.warehouse.published.export import export
from instantly_pipeline.warehouse.published.published_file import open_published
from tests.cli.conftest import Shell
from tests.orchestration.pipeline import Pipeline

pytestmark = pytest.mark.whole

Synced = tuple[Pipeline, Shell]
SORT = (
    "select count(*) from (select hash(i) as h, repeat('x', 60) || i as s from range({}) t(i) order by s, h offset 1)"
)
ENDLESS = "select count(*) from range(300000) a(i), range(300000) b(j) where hash(i + j) = 1"
DEAF = "select list_sort(range(80000000))[1]"  # a function that DuckDB does not interrupt
SOON = 2.0  # seconds: what is promised
LOADED = 3.0  # seconds more where the machine has other work


def spilled(shell: Shell) -> list[Path]:
    return list((shell.data_dir / "work" / "spill").glob("*"))


def once(true: Callable[[], object], within: float = 60.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_sort_beyond_the_memory_limit_goes_on_in_the_data_directory_and_leaves_nothing(synced: Synced) -> None:
    _, shell = synced
    done = shell.run("query", SORT.format(2_000_000), "--format", "csv", INSTANTLY_MEMORY_LIMIT="100MB")
    assert (done.stdout.splitlines()[1:], done.stderr) == (["1999999"], "")
    assert spilled(shell) == []


def test_a_query_that_no_limit_allows_says_which_it_was_and_what_to_set(synced: Synced) -> None:
    _, shell = synced
    done = shell.run("query", "select list(i) from range(100_000_000) t(i)", INSTANTLY_MEMORY_LIMIT="100MB")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Error: This query needs more than there is: 100MB of memory (INSTANTLY_MEMORY_LIMIT)"
    )
    assert "report" not in done.stderr


def test_a_temporary_folder_that_cannot_be_written_is_said(synced: Synced, tmp_path: Path) -> None:
    pipe, _ = synced
    shell = Shell(tmp_path)
    (tmp_path / "data" / "publish").mkdir(parents=True)
    (tmp_path / "data" / "work").write_text("a file where a folder should be")
    (tmp_path / "data" / "publish" / "warehouse.duckdb").hardlink_to(pipe.published)
    done = shell.here("query", SORT.format(2_000_000), INSTANTLY_MEMORY_LIMIT="60MB")
    assert done.returncode == 1
    assert "Failed to create directory" in done.stderr
    assert "the data directory, which must be writable" in done.stderr
    assert shell.here("query", "select 1").returncode == 0


TERM, INT = (signal.SIGTERM, TERMINATED), (signal.SIGINT, INTERRUPTED)
ANSWER = "select * from range(1_000_000_000)"


@pytest.mark.parametrize(
    ("sql", "sent", "code"),
    [(SORT.format(40_000_000), *TERM), (DEAF, *INT)]
    + [pytest.param(sql, *INT, marks=pytest.mark.slow) for sql in (SORT.format(40_000_000), ENDLESS, ANSWER)]
    + [pytest.param(sql, *TERM, marks=pytest.mark.slow) for sql in (DEAF, ENDLESS, ANSWER)],
)
def test_a_query_is_stopped_at_once_and_leaves_nothing(
    synced: Synced, sql: str, sent: signal.Signals, code: int
) -> None:
    _, shell = synced
    with subprocess.Popen(
        ["sh", "-c", 'exec "$@" > /dev/null', "sh", *shell.start_command("query", sql, "--format", "csv")],
        env=shell.environment | {"INSTANTLY_MEMORY_LIMIT": "200MB"}, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        if sql.startswith("select count(*) from (select"):
            once(lambda: spilled(shell))
        else:
            time.sleep(2.5)
        began = time.monotonic()
        child.send_signal(sent)
        _, said = child.communicate()
        assert time.monotonic() - began < SOON + LOADED
    assert (child.returncode, said.strip()) == (code, "Stopped; nothing is lost. Run the same command to continue.")
    assert spilled(shell) == []


@pytest.mark.parametrize("sql", [ENDLESS, DEAF])
def test_a_query_stops_after_its_time(synced: Synced, sql: str) -> None:
    _, shell = synced
    done = shell.run("query", sql, "--timeout", "1", INSTANTLY_MEMORY_LIMIT="200MB")
    assert (done.returncode, done.stdout) == (124, "")
    assert "Error: The query was not answered within 1.0 s and was stopped." in done.stderr


def test_a_query_within_its_time_is_answered(synced: Synced) -> None:
    _, shell = synced
    assert shell.here("query", "select 1 as n", "--format", "csv", "--timeout", "30").stdout == "n\n1\n"


def test_what_a_killed_query_left_is_removed_by_the_next(synced: Synced) -> None:
    _, shell = synced
    with subprocess.Popen(
        shell.start_command("query", SORT.format(40_000_000)), stderr=subprocess.PIPE,
        env=shell.environment | {"INSTANTLY_MEMORY_LIMIT": "100MB"},
    ) as child:  # fmt: skip
        once(lambda: spilled(shell))
        child.kill()
    assert spilled(shell) != []
    assert shell.here("query", "select 1").returncode == 0
    assert spilled(shell) == []


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/hostname')",
        "select * from read_text('{data}/publish/views.sql')",
        "copy (select 1) to '{data}/x.csv'",
        "attach '{data}/x.duckdb'",
        "set enable_external_access = true",
        "set memory_limit = '100GB'",
        "set temp_directory = '/tmp'",
    ],
)
def test_a_connection_reaches_nothing_but_the_published_file(synced: Synced, sql: str) -> None:
    pipe, shell = synced
    for writes in (None, shell.data_dir / "other.csv"):
        with open_published(pipe.published, writes=writes) as con, pytest.raises(duckdb.Error):
            con.execute(sql.format(data=shell.data_dir))
    assert not (shell.data_dir / "x.csv").exists()


@pytest.mark.parametrize("to", ["{file}", "{file}.wal", "{attached}", "{attached}.wal"])
@pytest.mark.parametrize(
    "sql", ["copy (select 1) to '{to}' ({how})", "with a as (copy (select 1) to '{to}' ({how})) from a"]
)
def test_a_query_writes_not_even_over_the_file_it_reads(synced: Synced, sql: str, to: str) -> None:
    pipe, shell = synced
    before = {path: path.stat().st_mtime_ns for path in shell.data_dir.rglob("*") if path.is_file()}
    with open_published(pipe.published) as con:
        [(at,)] = con.execute("select path from duckdb_databases() where database_name = 'warehouse'").fetchall()
        place = to.format(file=pipe.published, attached=at)
        with pytest.raises(duckdb.Error):
            con.execute(sql.format(to=place, how="format csv, use_tmp_file false"))
        assert con.execute("select count(*) from marts.dim_campaign").fetchall()[0][0] > 0
    assert {path: path.stat().st_mtime_ns for path in shell.data_dir.rglob("*") if path.is_file()} == before


def test_where_only_the_published_folder_can_be_written_the_file_is_safe_too(synced: Synced, tmp_path: Path) -> None:
    pipe, _ = synced
    file = tmp_path / "data" / "publish" / "warehouse.duckdb"
    file.parent.mkdir(parents=True)
    (tmp_path / "data" / "work").write_text("as where publish/ is a disk of its own: no link can be made from here")
    file.hardlink_to(pipe.published)
    for place in (file, file.with_name(f"{file.name}.wal")):
        with open_published(file) as con, pytest.raises(duckdb.Error):
            con.execute(f"copy (select 1) to '{place}' (format csv, use_tmp_file false)")
    assert list(file.parent.iterdir()) == [file]


def test_a_query_goes_through_no_link_to_its_temporary_folder(synced: Synced, tmp_path: Path) -> None:
    pipe, _ = synced
    file = tmp_path / "data" / "publish" / "warehouse.duckdb"
    for folder in (file.parent, tmp_path / "data" / "work", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    file.hardlink_to(pipe.published)
    (tmp_path / "data" / "work" / "spill").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="is a link"):
        open_published(file)


@pytest.mark.parametrize("seconds", ["inf", "1e10"])
def test_a_time_beyond_all_clocks_is_no_limit(synced: Synced, seconds: str) -> None:
    _, shell = synced
    done = shell.run("query", "select 1 as n", "--format", "csv", "--timeout", seconds)
    assert (done.stdout, done.stderr) == ("n\n1\n", "")


def test_a_wrong_word_about_transactions_is_not_called_a_lack_of_memory(synced: Synced) -> None:
    _, shell = synced
    assert "no transaction is active" in (said := shell.here("query", "rollback").stderr)
    assert "INSTANTLY_MEMORY_LIMIT" not in said


LEFT = """
import sys
from pathlib import Path
import duckdb
from instantly_pipeline.warehouse.db.interruption import end_all, reading
con = reading(duckdb.connect(), Path(sys.argv[1]))
end_all(7, "left")
"""


def test_who_leaves_takes_along_nothing_of_another_process(tmp_path: Path) -> None:
    for name in ("reading-h-12", "reading-h-12.x", "reading-h-123"):
        (tmp_path / name).mkdir()
    done = subprocess.run([sys.executable, "-c", LEFT, str(tmp_path / "reading-h-12")], check=False)
    assert done.returncode == 7
    assert [path.name for path in tmp_path.iterdir()] == ["reading-h-123"]


def test_every_connection_keeps_to_the_memory_limit_of_the_settings(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, _ = synced
    monkeypatch.setenv("INSTANTLY_MEMORY_LIMIT", "123MB")
    with open_published(pipe.published) as con:
        assert con.execute("select current_setting('memory_limit')").fetchall() == [("117.3 MiB",)]


def test_an_export_beyond_the_memory_limit_says_so_and_leaves_what_was_there(
    synced: Synced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, _ = synced
    monkeypatch.setenv("INSTANTLY_MEMORY_LIMIT", "1MB")
    out = tmp_path / "leads.parquet"
    out.write_text("before")
    with pytest.raises(StorageError, match="INSTANTLY_MEMORY_LIMIT"):
        export(pipe.published, "fct_lead_event", "parquet", out)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


WORK = """
import sys
from pathlib import Path
import click
from instantly_pipeline.cli.failures import run_safely
from instantly_pipeline.cli.process import exit_process
from instantly_pipeline.cli.signals import install_handlers
from instantly_pipeline.warehouse.db.build_file import open_build
from instantly_pipeline.warehouse.db.parallel import run_parallel
folder, how, sql = Path(sys.argv[1]), *sys.argv[2:]

@click.command()
def work():
    con = open_build(folder / "b", storage_version="v1.2.0", memory_limit="200MB", spill=folder / "spill", say=print)
    print("ready", flush=True)
    if how == "alone":
        con.execute(sql)
    else:
        run_parallel(con, {"a": (), "b": ()}, lambda hand, _: hand.execute(sql))

install_handlers()
exit_process(run_safely(work, []))
"""


@pytest.mark.parametrize(("how", "sent", "code"), [("alone", *TERM), ("beside", *TERM), ("alone", *INT)])
def test_work_on_the_build_file_is_stopped_at_once(tmp_path: Path, how: str, sent: signal.Signals, code: int) -> None:
    command = [sys.executable, "-c", WORK, str(tmp_path), how, SORT.format(40_000_000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        once(lambda: list((tmp_path / "spill").iterdir()))
        began = time.monotonic()
        child.send_signal(sent)
        _, said = child.communicate()
        assert time.monotonic() - began < SOON + LOADED
    assert (child.returncode, said.strip()) == (code, "Stopped; nothing is lost. Run the same command to continue.")

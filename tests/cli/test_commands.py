"""`sync`, `status`, `query` and `sandbox` as a user types them, against a sandbox."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from instantly_pipeline.cli.failures import BROKEN_PIPE
from instantly_pipeline.cli.signals import INTERRUPTED
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.settings import PROJECT_ROOT
from tests.cli.conftest import COMMAND, Shell
from tests.orchestration.pipeline import LEADS, SMALL, Pipeline, pipeline
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run

pytestmark = pytest.mark.whole

Synced = tuple[Pipeline, Shell]
Done = subprocess.CompletedProcess[str]


def test_a_wrong_key_ends_with_1_in_a_sentence(synced: Synced) -> None:
    _, shell = synced
    done = shell.run("sync", INSTANTLY_API_KEY="wrong-key-0815")
    assert done.returncode == 1
    assert "Nothing could be read" in done.stderr
    assert_no_traceback(done)
    assert "wrong-key-0815" not in done.stdout + done.stderr


def test_status_shows_every_stream_and_the_last_runs(synced: Synced) -> None:
    _, shell = synced
    done = shell.run("status")
    assert done.returncode == 0
    assert "leads" in done.stdout
    assert "Last runs" in done.stdout
    found = json.loads(shell.here("status", "--json").stdout)
    assert {"file", "bytes", "published_at", "streams", "runs"} <= found.keys()
    assert {stream["stream"] for stream in found["streams"]} >= {"campaigns", "leads"}


def test_query_answers_as_table_csv_and_json(synced: Synced) -> None:
    _, shell = synced
    sql = "select 'caf\u00e9' as name, count(*) as n, null as nothing from raw.leads"
    shown = shell.here("query", sql).stdout.splitlines()
    assert shown[0].split() == ["name", "n", "nothing"]
    assert shown[2].split() == ["caf\u00e9", "120"]
    rows = list(csv.reader(io.StringIO(shell.here("query", sql, "--format", "csv").stdout)))
    assert rows == [["name", "n", "nothing"], ["caf\u00e9", "120", ""]]
    assert json.loads(shell.here("query", sql, "--format", "json").stdout) == [
        {"name": "caf\u00e9", "n": 120, "nothing": None}
    ]


def test_json_stays_json_whatever_is_asked(synced: Synced) -> None:
    _, shell = synced
    sql = "select 'nan'::double as a, ['inf'::double, 1] as b, {'c': date '2026-01-02', 'd': 'x'::blob} as e"
    shown = shell.here("query", sql, "--format", "json").stdout
    assert json.loads(shown, parse_constant=pytest.fail) == [
        {"a": None, "b": [None, 1.0], "e": {"c": "2026-01-02", "d": "78"}}
    ]


def test_a_value_cannot_steer_the_terminal(synced: Synced) -> None:
    _, shell = synced
    shown = shell.here("query", "select chr(27) || '[2J' || chr(7) || chr(155) as x").stdout
    assert shown.splitlines()[2] == "\ufffd[2J\ufffd\ufffd"


def test_status_compares_with_instantlys_own_counters(synced: Synced) -> None:
    _, shell = synced
    found = json.loads(shell.here("status", "--json").stdout)["reconciliation"]
    assert found["checked_at"] is not None
    assert (found["equal"], found["near"], found["largest"]) == (found["counters"], 0, [])
    assert found["counters"] > 6
    assert (
        f"{found['equal']} of {found['counters']} of Instantly's own counters equal ours" in shell.here("status").stdout
    )


@pytest.fixture(scope="module")
def in_part(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[tuple[Shell, Done]]:
    """A sync of two workspaces of which one rejects its key, and the other refuses a stream; all was well before."""
    with pipeline(tmp_path_factory.mktemp("part"), config=replace(SMALL, workspaces=2)) as pipe:
        keys = {"one": pipe.key, "two": f"{pipe.key}-2"}
        shell = Shell(pipe.root, INSTANTLY_BASE_URL=pipe.url)
        begin_with_tables(Layout(shell.data_dir), empty_build)
        good = pipe.settings.model_copy(update={"api_key": None, "api_keys": SecretStr(json.dumps(keys))})
        assert whole_run(good).exit_code == 0
        pipe.switch(stream_status={"/api/v2/custom-tags": 403})
        yield shell, shell.run("sync", INSTANTLY_API_KEYS=json.dumps(keys | {"two": "rejected-0815"}))


def test_a_sync_that_read_a_part_only_ends_with_3(in_part: tuple[Shell, Done]) -> None:
    _, done = in_part
    assert done.returncode == 3, done.stderr


def test_a_workspace_whose_key_no_longer_opens_it_shows_in_status(in_part: tuple[Shell, Done]) -> None:
    shell, _ = in_part
    shown = shell.here("status").stdout
    assert [line for line in shown.splitlines() if line.startswith("two: failed: ") and "answered 401" in line]
    runs = json.loads(shell.here("status", "--json").stdout)["runs"]
    assert [run["outcome"] for run in runs if run["workspace_name"] == "two"] == ["failed", "ok"]
    assert "rejected-0815" not in shown


def test_status_says_in_full_why_a_stream_was_not_read(in_part: tuple[Shell, Done]) -> None:
    shell, _ = in_part
    shown = shell.here("status").stdout
    [line] = [line for line in shown.splitlines() if "custom_tags: " in line]
    assert line.startswith("one, custom_tags: skipped: GET /api/v2/custom-tags answered 403")
    assert line.endswith("leave the stream out of INSTANTLY_STREAMS.")


def test_query_shows_a_hundred_rows_and_says_so(synced: Synced) -> None:
    _, shell = synced
    done = shell.here("query", "select id from raw.leads")
    assert len(done.stdout.splitlines()) == 102
    assert "The first 100 rows" in done.stderr
    assert len(shell.here("query", "select id from raw.leads", "--limit", "7").stdout.splitlines()) == 9


def test_query_of_the_build_file_answers_and_holds_the_lock_meanwhile(synced: Synced) -> None:
    pipe, shell = synced
    done = shell.run("query", "--build", "select count(*) as n from marts.dim_campaign", "--format", "csv")
    assert (done.stdout, done.returncode) == ("n\n3\n", 0)
    with writing(pipe.settings.data_dir, command="a test"):
        held = shell.run("query", "--build", "select 1")
    assert (held.returncode, held.stdout) == (2, "")
    assert "is being written by `a test`" in held.stderr


def test_query_reads_its_statement_from_standard_input(synced: Synced) -> None:
    _, shell = synced
    done = subprocess.run([*COMMAND, "query", "-", "--format", "csv"], input="select 1 as one", env=shell.environment,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout == "one\n1\n"


@pytest.mark.parametrize("sql", ["select nothing from nowhere", "delete from raw.leads", "selekt"])
def test_a_wrong_statement_is_a_sentence_and_2(synced: Synced, sql: str) -> None:
    _, shell = synced
    done = shell.here("query", sql)
    assert (done.returncode, done.stdout) == (2, "")
    assert_no_traceback(done)


def test_a_reader_that_stops_reading_is_no_error(synced: Synced) -> None:
    _, shell = synced
    sql = "select * from raw.leads, range(200)"
    with subprocess.Popen([*COMMAND, "query", sql, "--format", "csv"], env=shell.environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == BROKEN_PIPE


def test_any_encoding_will_do(synced: Synced) -> None:
    _, shell = synced
    done = shell.run("query", "select 'caf\u00e9' as x", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "caf" in done.stdout
    done = shell.run("query", "select chr(233) as x", "--format", "csv", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "x\n\\xe9\n")


def test_a_closed_stdout_will_do(synced: Synced) -> None:
    _, shell = synced
    words = " ".join(f"'{word}'" for word in COMMAND)
    done = subprocess.run(["sh", "-c", f"{words} status >&-"], env=shell.environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def stopped(synced: Synced) -> tuple[Done, Done, str, Done]:
    """A sync that met another one, that other one, stopped by Ctrl-C, what one said that was killed, and the next."""
    pipe, shell = synced
    pipe.switch(latency_by_path={LEADS: 20.0})
    try:
        child = _reading_leads(shell)
        busy = shell.run("sync")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
        killed = _reading_leads(shell)
        killed.kill()
        began = killed.communicate()[1]
    finally:
        pipe.switch(latency_by_path={})
    interrupted = subprocess.CompletedProcess(child.args, child.returncode, out, err)
    return busy, interrupted, began, shell.run("sync", "--streams", "campaigns,leads")


def test_a_sync_can_be_stopped_or_killed_and_the_next_goes_on(stopped: tuple[Done, Done, str, Done]) -> None:
    busy, interrupted, began, after = stopped
    assert busy.returncode == 2
    assert "is being written by `sync`" in busy.stderr
    assert_no_traceback(busy)
    assert interrupted.returncode == INTERRUPTED
    assert "Stopped; nothing is lost. Run the same command to continue." in interrupted.stderr
    assert "Traceback" not in interrupted.stdout + interrupted.stderr
    assert "was killed" not in began  # the stopped run ended as canceled, by itself
    assert after.returncode == 0
    assert "An earlier Dagster run was killed and is now marked as failed" in after.stderr


def test_sync_sums_up_on_stdout_and_shows_progress_on_stderr(
    synced: Synced, stopped: tuple[Done, Done, str, Done]
) -> None:
    done = stopped[-1]
    assert done.returncode == 0, done.stderr
    for expected in ("leads", "Synced 1 workspace", "warehouse.duckdb", "Next:", "instantly-pipeline query"):
        assert expected in done.stdout
    assert "leads: 120 rows in" in done.stderr
    assert "building the models" in done.stderr
    assert "dagster" not in done.stderr
    assert synced[0].key not in done.stdout + done.stderr


def test_the_sandbox_says_when_it_is_ready_and_ends_on_ctrl_c(shell: Shell) -> None:
    child = shell.start("sandbox", "--port", "0", "--key", "k-1", "--leads", "10", "--campaigns", "1", "--days", "3")
    assert child.stdout is not None
    url, key = child.stdout.readline().split()
    answer = httpx.get(f"{url}/api/v2/campaigns", headers={"authorization": f"Bearer {key}", "user-agent": "test/1"},
                       verify=False)  # fmt: skip
    assert (key, answer.status_code) == ("k-1", 200)
    taken = shell.run("sandbox", "--port", url.rpartition(":")[2], "--leads", "10")
    assert taken.returncode == 2
    assert "is in use" in taken.stderr
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=10)
    assert child.returncode == 0


def assert_no_traceback(done: Done) -> None:
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.startswith(("Error: ", "preparing", "Usage: "))


def _reading_leads(shell: Shell) -> subprocess.Popen[str]:
    """A sync that waits for the API, which is slow."""
    child = shell.start("sync", "--streams", "leads")
    assert child.stderr is not None
    seen = []
    while "... leads" not in (line := child.stderr.readline()):
        assert line, "".join(seen)
        seen.append(line)
    return child


def test_the_command_is_installed_under_its_name() -> None:
    name = "instantly-pipeline"
    path = PROJECT_ROOT / ".venv" / "bin" / name
    if not path.exists():
        pytest.skip("another environment")
    assert subprocess.run([path, "--version"], capture_output=True, text=True).stdout.startswith(name)
    assert sys.version_info >= (3, 11)

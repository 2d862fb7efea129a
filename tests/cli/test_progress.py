"""What a run shows while it goes on, and what it says at the end, without a run."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from instantly_pipeline.cli.progress import Lines, RequestProgress
from instantly_pipeline.cli.sync_command import show_report
from instantly_pipeline.errors import Fatal
from instantly_pipeline.lake.change_log import Appended
from instantly_pipeline.run.results import RunReport
from instantly_pipeline.sync.results import Event, Outcome, StreamResult, SyncReport, WorkspaceResult
from instantly_pipeline.warehouse.checks.checks import CheckResult

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
BARS = """
import time
from instantly_pipeline.cli.progress import reporter
from instantly_pipeline.sync.results import Event, Outcome
with reporter(several=False) as show:
    show(Event('start', 'acme', 'leads'))
    show(Event('progress', 'acme', 'leads', rows=1200, done=12, total=50))
    show(Event('spent', 'acme', done=12, total=50))
    time.sleep(0.3)
    show(Event('say', 'acme', 'leads', text='reading [campaigns] first'))
    show(Event('end', 'acme', 'leads', rows=5000, outcome=Outcome.OK))
    show(Event('start', '', 'models'))
    show(Event('end', '', 'models'))
"""


def test_bars_are_shown_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    env = {"TERM": "xterm", "COLUMNS": "100", "PATH": os.environ["PATH"]}
    with subprocess.Popen([sys.executable, "-c", BARS], env=env, stdout=subprocess.PIPE, stderr=theirs) as child:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert child.stdout is not None
        assert child.stdout.read() == b""
    os.close(ours)
    assert child.returncode == 0
    for expected in (
        b"leads: ",
        b"5,000 rows in",
        b"reading [campaigns] first",
        b"building the models",
        b"12 of 50 requests",
        b"\x1b[",
    ):
        assert expected in shown


def test_a_run_goes_on_when_nobody_looks_on_any_more() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    script = f"{BARS}\nprint('to the end')"
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.close(theirs)
    assert (done.returncode, done.stdout) == (0, b"to the end\n")


def test_lines_name_the_workspace_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines(several=True) as show:
        show(Event("start", "acme", "leads"))
        show(Event("end", "acme", "leads", "the key lacks leads:read", outcome=Outcome.SKIPPED))
        show(Event("end", "globex", text="the key was rejected", outcome=Outcome.FAILED))
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("acme: leads: skipped, 0 rows in 0.0 s: the key lacks leads:read")
    assert shown[1].startswith("globex: failed")


def test_requests_are_set_against_the_plan_and_the_rest_is_timed_by_the_pace() -> None:
    spent = RequestProgress(Event("spent", "acme", done=10, total=1_000), 0.0)
    assert spent.text(0.0) == "10 of 1,000 requests"
    spent.take(Event("spent", "acme", done=210, total=1_000), 2.0)
    assert spent.text(2.0) == "210 of 1,000 requests, 7.9 s left"
    spent.take(Event("spent", "acme", done=1_000, total=1_000), 9.0)
    assert (spent.has_more(), spent.text(9.0)) == (False, "1,000 of 1,000 requests")


def test_a_stream_with_a_rate_of_its_own_says_how_long_it_takes_at_least() -> None:
    spent = RequestProgress(Event("spent", "acme", done=10, total=500, at_least=600.0), 0.0)
    assert spent.text(0.0) == "10 of 500 requests, 10 min 0 s left"
    spent.take(Event("spent", "acme", done=420, total=500, at_least=240.0), 100.0)  # of the others few are left
    assert spent.text(100.0) == "420 of 500 requests, 4 min 0 s left"
    assert spent.text(160.0) == "420 of 500 requests, 3 min 0 s left"  # nothing came meanwhile
    spent.take(Event("spent", "acme", done=450, total=500), 200.0)
    assert spent.text(200.0) == "450 of 500 requests, 22.7 s left"


def test_the_end_of_a_sync_names_what_was_skipped_and_held(capsys: pytest.CaptureFixture[str]) -> None:
    result = WorkspaceResult("acme", "w1", Outcome.OK, streams=[
        stream("campaigns", Outcome.OK, Appended(inserted=3, updated=2, deleted=1)),
        stream("accounts", Outcome.SKIPPED, reason="The key lacks accounts:read"),
        stream("leads", Outcome.HELD, reason="40 deletions are held: half is gone", held=40),
    ], requests=12)  # fmt: skip
    assert show_report(report(result, exit_code=3)) == 3
    said = capsys.readouterr().out
    assert said.splitlines()[1].split() == [
        "stream",
        "read",
        "new",
        "changed",
        "deleted",
        "requests",
        "seconds",
        "outcome",
    ]
    assert said.splitlines()[4].split() == ["campaigns", "6", "3", "2", "1", "4", "2.0", "ok"]
    assert "Synced 1 workspace in 1 min 30 s with 12 requests." in said
    assert "acme, accounts: skipped: The key lacks accounts:read" in said
    assert said.count("40 deletions") == 1  # the reason names the command; it is not said twice
    assert "acme, leads: held: 40 deletions are held: half is gone" in said
    assert "instantly-pipeline sync      again" in said


def test_the_end_of_a_sync_names_rejected_records(capsys: pytest.CaptureFixture[str]) -> None:
    leads = stream("leads", Outcome.OK, reason="rejected records: 2 (no key); see meta.quarantine")
    leads.rejected["no key"] = 2
    assert show_report(report(WorkspaceResult("ac\nme", "w1", Outcome.OK, streams=[leads]), exit_code=0)) == 0
    said = capsys.readouterr().out
    assert "ac\ufffdme, leads: ok: rejected records: 2 (no key); see meta.quarantine\n" in said


def test_what_kept_a_run_from_publishing_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    result = WorkspaceResult("acme", None, Outcome.FAILED, "401: the key was rejected")
    assert (
        show_report(report(result, exit_code=1, problem="Nothing could be read.\nacme: 401: the key was rejected")) == 1
    )
    captured = capsys.readouterr()
    assert captured.err == "Error: Nothing could be read.\nacme: 401: the key was rejected\n"
    assert "Next:" not in captured.out


def test_failed_warnings_are_told_and_do_not_change_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    warned = [CheckResult(f"check {n}", "marts.x", False, False, 3, "as promised", "select 1") for n in range(7)]
    result = WorkspaceResult("acme", "w1", Outcome.OK, streams=[stream("campaigns", Outcome.OK)])
    assert show_report(report(result, exit_code=0, checks=warned)) == 0
    said = capsys.readouterr().out
    assert "Warning: check 0: 3 rows (as promised)" in said
    assert "Warning: and 2 more checks" in said


def stream(
    name: str, outcome: Outcome, changes: Appended | None = None, *, reason: str | None = None, held: int = 0
) -> StreamResult:
    read = changes.inserted + changes.updated + changes.deleted if changes else 0
    return StreamResult("w1", "acme", name, NOON, NOON + timedelta(seconds=2), outcome, reason, read,
                        changes or Appended(), 4, 0, held)  # fmt: skip


def report(
    workspace: WorkspaceResult, *, exit_code: int, problem: str | None = None, checks: list[CheckResult] | None = None
) -> RunReport:
    whole = SyncReport("r1", NOON, NOON + timedelta(seconds=90), [workspace])
    made = RunReport(whole, checks, error=None if problem is None else Fatal(problem))
    assert made.exit_code == exit_code
    return made


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:  # Linux: the other end was closed
        return b""


def test_requests_of_the_plan_that_were_not_needed_are_not_left_once_the_reading_has_ended() -> None:
    show = Lines(several=False)
    show(Event("start", "acme", "leads"))
    show(Event("spent", "acme", done=2, total=3))
    assert "2 of 3 requests" in show.status_line()
    show(Event("end", "acme", "leads", outcome=Outcome.OK))
    show(Event("start", "", "checks"))
    assert show.status_line().startswith("running checks (")
    assert "requests" not in show.status_line()

"""Nothing that comes from outside steers a terminal, whichever command shows it; a pipe gets it exactly."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest

from instantly_pipeline.cli.failures import run_safely
from instantly_pipeline.cli.main import cli
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.visible import visible, visible_json, visible_lines
from tests.cli.conftest import COMMAND, Shell
from tests.orchestration.pipeline import Pipeline, make_home

pytestmark = pytest.mark.whole

# a window's title (OSC), colours (CSI), both in 8 bits, back over the line, a turned direction, an isolate, nothing
STEERING = {
    "a window's title": "\x1b]0;owned\x07", "a colour": "\x1b[31m", "CSI in 8 bits": "\x9b31m", "OSC": "\x9d0;x\x9c",
    "the line's start": "\rowned", "one back": "\b\b", "an override": "\u202eevil", "an isolate": "\u2067evil",
    "a mark": "\u200f", "an Arabic mark": "\u061c", "no width": "\u200b", "a byte order mark": "\ufeff",
    "a line separator": "\u2028owned", "next line": "\x85owned", "a soft hyphen": "\u00ad", "a tag": "\U000e0041",
}  # fmt: skip
ALL = "".join(STEERING.values())
KEPT = "Łódź, Ελλάδα, שלום, العربية, \u0645\u06cc\u200c\u062e, 東京, 葛\U000e0100, ❤\ufe0f, 👩\u200d💻"
FORBIDDEN = (
    "\x1b]", "\x07", "\x1b[31m", "\x9b", "\x9d", "\b", "\u202e", "\u2067", "\u200f", "\u061c", "\u200b",
    "\ufeff", "\u2028", "\x85", "\u00ad", "\U000e0041", "\rowned",
)  # fmt: skip


@pytest.mark.parametrize("what", STEERING)
def test_what_steers_is_replaced_on_a_line_and_in_lines_and_escaped_in_json(what: str) -> None:
    text = f"a{STEERING[what]}b"
    for shown in (visible(text), visible_lines(text), visible_json(json.dumps(text, ensure_ascii=False))):
        assert not [char for char in FORBIDDEN if char in shown]
        assert shown.isprintable()
    assert json.loads(visible_json(json.dumps(text, ensure_ascii=False))) == text


def test_half_a_character_can_be_written_anywhere() -> None:
    assert visible("a\ud800b").encode() == "a\ufffdb".encode()
    assert json.loads(visible_json('"a\ud800b"').encode()) == "a\ud800b"


def test_letters_and_emoji_of_all_scripts_stay_as_they_are() -> None:
    assert (visible(KEPT), visible_lines(KEPT), visible_json(KEPT)) == (KEPT, KEPT, KEPT)


def test_a_name_does_not_make_a_line() -> None:
    assert visible("acme\nleads: ok") == "acme\ufffdleads: ok"


class Tty(io.StringIO):
    """A terminal within this process."""

    def isatty(self) -> bool:
        return True


def shown_here(shell: Shell, *args: str, **environment: str) -> str:
    """What a command writes to a terminal, by its output and its errors."""
    out, given = Tty(), patch.dict(os.environ, shell.environment | {"COLUMNS": "200"} | environment, clear=True)
    with given, redirect_stdout(out), redirect_stderr(out):
        run_safely(cli, args)
    return out.getvalue()


def on_terminal(shell: Shell, *args: str, **environment: str) -> str:
    """The same of a process of its own, on a real one."""
    ours, theirs = pty.openpty()
    env = shell.environment | {"TERM": "xterm", "COLUMNS": "200", "LANG": "C.UTF-8"} | environment
    with subprocess.Popen([*COMMAND, *args], env=env, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        shown = b"".join(_chunks(ours))
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def _chunks(handle: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(handle, 65536)
        except OSError:  # Linux: the other end was closed
            return
        if not chunk:
            return
        yield chunk


def sql_of(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.fixture(scope="module")
def hostile(synced: tuple[Pipeline, Shell], tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A published file whose workspace, campaigns and reasons have names that steer."""
    pipe, _ = synced
    root = tmp_path_factory.mktemp("hostile")
    shell = Shell(root, INSTANTLY_API_KEYS=json.dumps({f"acme{ALL}": pipe.key}), INSTANTLY_BASE_URL=pipe.url)
    file = Layout(shell.data_dir).published_file
    file.parent.mkdir(parents=True)
    shutil.copyfile(Layout(pipe.settings.data_dir).published_file, file)
    file.chmod(0o644)
    name = sql_of(f"acme{ALL}{KEPT}")
    with duckdb.connect(str(file)) as con:
        con.execute(f"update meta.sync_runs set workspace_name = {name}, reason = {name}")
        con.execute(f"update meta.stream_status set reason = {name}, outcome = 'failed'")
        con.execute(f"update raw.campaigns set name = {name}")
        con.execute("update meta.reconciliation set difference = 1")
        con.execute(f"update marts.rpt_campaign_summary set campaign_name = {name}")
    return shell


@pytest.mark.parametrize(
    "args",
    [
        ("query", "select name from raw.campaigns", "--format", "csv"),
        ("query", "select name from raw.campaigns", "--format", "json"),
        ("query", "select name from raw.campaigns", "--format", "table"),
        ("query", f'select 1 as "acme{ALL}"', "--format", "csv"),
        ("query", f'select 1 as "acme{ALL}"'),
        ("query", f'select "acme{ALL}" from raw.campaigns'),
        ("status",),
        ("status", "--json"),
        ("export", f"acme{ALL}", "--format", "csv"),
        ("doctor", f"--acme{ALL}"),
        ("export", "rpt_campaign_summary", "--format", "csv", "--out", f"/dev/null/acme{ALL}"),
    ],
    ids=lambda args: " ".join(args[:1] + args[2:])[:40].encode("ascii", "ignore").decode(),
)
def test_no_command_lets_a_name_steer_the_terminal(hostile: Shell, args: tuple[str, ...]) -> None:
    shown = shown_here(hostile, *args)
    assert "acme" in shown
    assert [char for char in FORBIDDEN if char in shown] == []


@pytest.mark.parametrize("command", ["plan", "doctor"])
def test_a_workspace_of_any_name_is_planned_and_examined(hostile: Shell, command: str) -> None:
    given = {"INSTANTLY_DATA_DIR": str(hostile.root / "elsewhere"), "INSTANTLY_STREAMS": "workspaces,campaigns"}
    shown = shown_here(hostile, command, **given)
    assert "acme" in shown
    assert [char for char in FORBIDDEN if char in shown] == []


def test_the_bars_of_a_sync_show_a_name_and_its_markup_as_text(synced: tuple[Pipeline, Shell], tmp_path: Path) -> None:
    pipe, _ = synced
    make_home(tmp_path / "dagster_home")
    keys = json.dumps({f"[bold]acme[/nothing]:key:{ALL}": pipe.key})
    shell = Shell(tmp_path, INSTANTLY_API_KEYS=keys, INSTANTLY_BASE_URL=pipe.url, INSTANTLY_STREAMS="workspaces")
    shown = on_terminal(shell, "sync")
    assert "[bold]acme[/nothing]:key:\ufffd" in shown
    assert "Traceback" not in shown
    assert [char for char in FORBIDDEN if char in shown and char != "\x1b[31m"] == []  # bars have colours


def test_a_pipe_gets_every_character_exactly(hostile: Shell) -> None:
    sql = "select distinct name from raw.campaigns"
    rows = list(csv.reader(io.StringIO(hostile.here("query", sql, "--format", "csv").stdout, newline="")))
    assert rows[1] == [f"acme{ALL}{KEPT}"]
    parts = ", ".join(f"{sql_of(f'a{text}')} as c{n}" for n, text in enumerate(STEERING.values()))
    rows = list(csv.reader(io.StringIO(hostile.here("query", f"select {parts}", "--format", "csv").stdout, newline="")))
    assert rows[1:] == [[f"a{text}" for text in STEERING.values()]]
    [found] = json.loads(hostile.here("query", sql, "--format", "json").stdout)
    assert found == {"name": f"acme{ALL}{KEPT}"}


def test_what_is_ordinary_is_on_the_terminal_as_it_is(hostile: Shell) -> None:
    shown = on_terminal(hostile, "query", "select name from raw.campaigns limit 1", "--format", "csv")
    assert KEPT in shown
    assert [char for char in FORBIDDEN if char in shown] == []

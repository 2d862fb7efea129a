"""What the progress bars print, on a stream that is no terminal: the lines above them are the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

from instantly_pipeline.cli.bars import Bars
from instantly_pipeline.sync.results import Event, Outcome


@contextmanager
def bars(*, several: bool = False) -> Iterator[tuple[Bars, io.StringIO]]:
    """The bars, and what they have printed once they are closed."""
    printed = io.StringIO()
    with redirect_stderr(printed), Bars(several=several) as show:
        yield show, printed


def test_what_ended_is_a_line_with_its_outcome() -> None:
    with bars() as (show, printed):
        show(Event("start", "acme", "leads"))
        show(Event("progress", "acme", "leads", rows=200, done=2, total=3))
        show(Event("end", "acme", "leads", rows=250, outcome=Outcome.OK))
        show(Event("end", "acme", "accounts", text="the key lacks the scope", outcome=Outcome.SKIPPED))
    assert "leads: " in printed.getvalue()
    assert "250 rows" in printed.getvalue()
    assert "the key lacks the scope" in printed.getvalue()


def test_a_message_is_printed_above_the_bars_and_names_its_workspace_among_several() -> None:
    with bars(several=True) as (show, printed):
        show(Event("say", "acme", text="reading \x1b[31mall leads"))
        show(Event("say", "", text="waiting for the lock"))
    assert "acme: reading " in printed.getvalue()
    assert "\x1b[31m" not in printed.getvalue()
    assert "waiting for the lock" in printed.getvalue()


def test_the_requests_of_a_workspace_have_one_bar_until_a_later_step_starts() -> None:
    with bars() as (show, _):
        show(Event("spent", "acme", done=1, total=10))
        show(Event("spent", "acme", done=4, total=10))
        assert [(task.completed, task.total) for task in show._progress.tasks] == [(4, 10)]
        show(Event("start", "", "models"))
        assert [task.description for task in show._progress.tasks] == ["building the models"]
        show(Event("progress", "", "models", text="dim_lead", done=1, total=75))
        show(Event("end", "", "models"))
        assert show._progress.tasks == []

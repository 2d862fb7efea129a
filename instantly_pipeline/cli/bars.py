"""Progress bars on a terminal: one for each stream that is being read, removed when it ends."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from instantly_pipeline.cli.progress import RequestProgress, label, result_text
from instantly_pipeline.cli.terminal import raw_terminal
from instantly_pipeline.sync.results import Event, Outcome
from instantly_pipeline.visible import visible

_COLOURS = {Outcome.OK: "green", Outcome.PARTIAL: "green", Outcome.HELD: "yellow", Outcome.SKIPPED: "yellow"}


class _Rows(ProgressColumn):
    """Rows so far and rows per second."""

    def render(self, task: Task) -> Text:
        rows, took = task.fields.get("rows", 0), task.elapsed or 0.0
        if not rows:
            return Text(visible(str(task.fields.get("text", ""))))
        rate = f", {rows / took:,.0f}/s" if took > 0.5 else ""
        return Text(f"{rows:,} rows{rate}")


class Bars:
    """Prints one line for everything that ended, above one bar for everything still running."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._tasks: dict[str, tuple[TaskID, float]] = {}
        self._requests: dict[str, tuple[TaskID, RequestProgress]] = {}
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), _Rows(),
            TimeElapsedColumn(),
            console=Console(file=raw_terminal(sys.stderr), highlight=False), transient=True, refresh_per_second=8,
            redirect_stdout=False, redirect_stderr=False,  # rich would pass on control characters of other output
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        name = label(event, several=self._several)
        if event.kind == "start":
            if not event.workspace:
                self._remove_request_bars()
            self._tasks[name] = self._progress.add_task(name, total=None), time.monotonic()
        elif event.kind == "progress" and name in self._tasks:
            task, _ = self._tasks[name]
            self._progress.update(task, completed=event.done, total=event.total, rows=event.rows, text=event.text)
        elif event.kind == "spent":
            self._show_requests(name, event)
        elif event.kind == "end":
            self._end(name, event)
        elif event.kind == "say":
            self._progress.console.print(Text(visible(f"{name}: {event.text}" if name else event.text)))

    def _show_requests(self, name: str, event: Event) -> None:
        """One bar per workspace: its requests, of those planned. Hidden when all are made."""
        if name not in self._requests:
            task = self._progress.add_task(name, total=event.total)
            self._requests[name] = task, RequestProgress(event, time.monotonic())
        task, requests = self._requests[name]
        requests.take(event, time.monotonic())
        text = requests.text(time.monotonic())
        self._progress.update(task, completed=event.done, total=event.total, text=text, visible=requests.has_more())

    def _remove_request_bars(self) -> None:
        """Called when a step after reading starts: no requests follow, even if more were planned."""
        for task, _ in self._requests.values():
            self._progress.remove_task(task)
        self._requests.clear()

    def _end(self, name: str, event: Event) -> None:
        task, began = self._tasks.pop(name, (None, time.monotonic()))
        if task is not None:
            self._progress.remove_task(task)
        colour = "green" if not event.workspace else _COLOURS.get(event.outcome or Outcome.FAILED, "red")
        line = Text(f"{name}: ", style=colour) + Text(result_text(event, time.monotonic() - began))
        self._progress.console.print(line)

"""Shows the progress of a run on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import click

from instantly_pipeline.cli.text import seconds
from instantly_pipeline.sync.results import Event, OnEvent, Outcome
from instantly_pipeline.visible import visible

_STEPS = {
    "prepare": "preparing",
    "load": "loading the tables",
    "models": "building the models",
    "checks": "running checks",
    "publish": "publishing",
}
_EVERY = 5.0  # seconds between two status lines


class Reporter(Protocol):
    """Shows the events of a run; a context manager."""

    def __call__(self, event: Event) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


def reporter(*, several: bool) -> Reporter:
    """Bars if stderr is a terminal, else lines. `several`: put the workspace on every line."""
    if sys.stderr.isatty():
        from instantly_pipeline.cli.bars import Bars

        return Bars(several=several)
    return Lines(several=several)


@contextmanager
def preparing(show: OnEvent) -> Iterator[OnEvent]:
    """Show a `preparing` step until the first stream or step starts."""
    waiting = True

    def on_event(event: Event) -> None:
        nonlocal waiting
        if waiting and event.kind == "start":
            waiting = False
            show(Event("end", "", "prepare"))
        show(event)

    show(Event("start", "", "prepare"))
    yield on_event


def label(event: Event, *, several: bool) -> str:
    """The stream, workspace or step of an event, for a line or bar."""
    if not event.workspace:
        return _STEPS.get(event.stream or "", event.stream or "")
    if event.stream is None:
        return visible(event.workspace)
    return visible(f"{event.workspace}: {event.stream}") if several else event.stream


def result_text(event: Event, took: float) -> str:
    """The outcome of a stream or step in a few words; `took` is in seconds."""
    if not event.workspace:
        return f"done in {seconds(took)}"
    outcome = "" if event.outcome is Outcome.OK else f"{event.outcome}, "
    reason = f": {event.text}" if event.text else ""
    return visible(f"{outcome}{event.rows:,} rows in {seconds(took)}{reason}")


@dataclass(slots=True)
class _Running:
    """A stream or step that has started and not ended."""

    since: float
    last: Event


class RequestProgress:
    """Requests of one workspace, made and planned, and the time left: at that rate, or what the slowest stream takes.

    Every `now` is in monotonic seconds.
    """

    def __init__(self, event: Event, now: float) -> None:
        self._first, self._since = event.done, now
        self.take(event, now)

    def take(self, event: Event, now: float) -> None:
        """Take the last event."""
        self.last, self._at = event, now

    def has_more(self) -> bool:
        """Whether planned requests are left."""
        return self.last.done < (self.last.total or 0)

    def text(self, now: float) -> str:
        """Made and planned requests, and the estimated time left."""
        made, left = self.last.done - self._first, (self.last.total or 0) - self.last.done
        took = now - self._since
        at_this_rate = left * took / made if made > 0 and took > 1 else 0.0
        rest = max(at_this_rate, self.last.at_least - (now - self._at)) if left > 0 else 0.0
        return f"{self.last.done:,} of {self.last.total or 0:,} requests{f', {seconds(rest)} left' if rest > 0 else ''}"


class Lines:
    """One line when a step starts and when anything ends, and a status line every few seconds."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._running: dict[str, _Running] = {}
        self._requests: dict[str, RequestProgress] = {}
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._ticker.join()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        name = label(event, several=self._several)
        with self._lock:
            if event.kind == "start":
                self._running[name] = _Running(time.monotonic(), event)
                if not event.workspace:
                    self._requests.clear()  # a step after reading: no requests follow, even if more were planned
                    _line(f"{name} ...")
            elif event.kind == "progress" and name in self._running:
                self._running[name].last = event
            elif event.kind == "end":
                running = self._running.pop(name, None)
                took = time.monotonic() - running.since if running else 0.0
                _line(f"{name}: {result_text(event, took)}")
            elif event.kind == "spent":
                now = time.monotonic()
                self._requests.setdefault(name, RequestProgress(event, now)).take(event, now)
            elif event.kind == "say":
                _line(visible(f"{name}: {event.text}" if name else event.text))

    def status_line(self) -> str:
        """What is running and for how long; empty if nothing is."""
        with self._lock:
            running = [f"{name} ({_so_far(one.last)}{seconds(time.monotonic() - one.since)})"
                       for name, one in self._running.items()]  # fmt: skip
            requests = [f"{f'{name}: ' if self._several else ''}{one.text(time.monotonic())}"
                        for name, one in self._requests.items() if one.has_more()]  # fmt: skip
        return ", ".join([*running, *requests]) if running else ""

    def _tick(self) -> None:
        while not self._done.wait(_EVERY):
            if line := self.status_line():
                _line(f"... {line}")


def _so_far(event: Event) -> str:
    rows = f"{event.rows:,} rows, " if event.rows else ""
    return f"{rows}{event.done} of {event.total}, " if event.total else rows


def _line(text: str) -> None:
    try:
        click.echo(text, err=True)
    except BrokenPipeError:  # the reader has gone (`2>&1 | head`); the run continues
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

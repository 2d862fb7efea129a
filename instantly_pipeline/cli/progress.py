"""Showing a run while it goes on: bars on a terminal, plain lines elsewhere. Both write to stderr only."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import click

from instantly_pipeline.cli.text import seconds
from instantly_pipeline.sync.results import Event, OnEvent, Outcome
from instantly_pipeline.visible import visible

_STEPS = {
    "prepare": "getting ready",
    "load": "loading the tables",
    "models": "building the models",
    "checks": "running checks",
    "publish": "publishing",
}
_EVERY = 5.0  # seconds between two signs of life


class Reporter(Protocol):
    """Takes the events of a run; a context manager."""

    def __call__(self, event: Event) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


def reporter(*, several: bool) -> Reporter:
    """Bars if stderr is a terminal, else lines. `several`: name the workspace on every line."""
    if sys.stderr.isatty():
        from instantly_pipeline.cli.bars import Bars

        return Bars(several=several)
    return Lines(several=several)


@contextmanager
def preparing(show: OnEvent) -> Iterator[OnEvent]:
    """Show that something goes on until the first stream or step begins."""
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
    """What an event is about."""
    if not event.workspace:
        return _STEPS.get(event.stream or "", event.stream or "")
    if event.stream is None:
        return visible(event.workspace)
    return visible(f"{event.workspace}: {event.stream}") if several else event.stream


def ended(event: Event, took: float) -> str:
    """How something ended, in a few words."""
    if not event.workspace:
        return f"done in {seconds(took)}"
    outcome = "" if event.outcome is Outcome.OK else f"{event.outcome}, "
    reason = f": {event.text}" if event.text else ""
    return visible(f"{outcome}{event.rows:,} rows in {seconds(took)}{reason}")


@dataclass(slots=True)
class _Open:
    """Something that has begun and not ended."""

    since: float
    last: Event
    shown: float = field(default_factory=time.monotonic)


class Spent:
    """How far the requests of one workspace are, set against its plan, and how long the rest takes at that pace."""

    def __init__(self, event: Event, now: float) -> None:
        self._first, self._since = event.done, now
        self.last = event

    def is_going(self) -> bool:
        """Whether requests are left."""
        return self.last.done < (self.last.total or 0)

    def text(self, now: float) -> str:
        """What to show."""
        made, left = self.last.done - self._first, (self.last.total or 0) - self.last.done
        took = now - self._since
        rest = f", {seconds(left * took / made)} left" if made > 0 and left > 0 and took > 1 else ""
        return f"{self.last.done:,} of {self.last.total or 0:,} requests{rest}"


class Lines:
    """One line when a step begins and when anything ends, and a sign of life every few seconds."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._open: dict[str, _Open] = {}
        self._spent: dict[str, Spent] = {}
        self._guard = threading.Lock()
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
        with self._guard:
            if event.kind == "start":
                self._open[name] = _Open(time.monotonic(), event)
                if not event.workspace:
                    self._spent.clear()  # a step after the reading: no request is left, whatever was planned
                    _line(f"{name} ...")
            elif event.kind == "progress" and name in self._open:
                self._open[name].last = event
            elif event.kind == "end":
                began = self._open.pop(name, None)
                took = time.monotonic() - began.since if began else 0.0
                _line(f"{name}: {ended(event, took)}")
            elif event.kind == "spent":
                self._spent.setdefault(name, Spent(event, time.monotonic())).last = event
            elif event.kind == "say":
                _line(visible(f"{name}: {event.text}" if name else event.text))

    def sign_of_life(self) -> str:
        """What goes on now, and for how long; empty where nothing does."""
        with self._guard:
            going = [f"{name} ({_so_far(one.last)}{seconds(time.monotonic() - one.since)})"
                     for name, one in self._open.items()]  # fmt: skip
            spent = [f"{f'{name}: ' if self._several else ''}{one.text(time.monotonic())}"
                     for name, one in self._spent.items() if one.is_going()]  # fmt: skip
        return ", ".join([*going, *spent]) if going else ""

    def _tick(self) -> None:
        while not self._done.wait(_EVERY):
            if now := self.sign_of_life():
                _line(f"... {now}")


def _so_far(event: Event) -> str:
    rows = f"{event.rows:,} rows, " if event.rows else ""
    return f"{rows}{event.done} of {event.total}, " if event.total else rows


def _line(text: str) -> None:
    try:
        click.echo(text, err=True)
    except BrokenPipeError:  # whoever looked on has gone (`2>&1 | head`); the run goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

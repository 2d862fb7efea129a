"""Random mailboxes on servers of every kind, syncs that are killed, clocks that jump: no e-mail is lost or doubled."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.sync.harness import NOON, Bench, Pace, bench, stream_result
from tests.sync.mailbox import EMAILS, EMPTY, doubled, email, missing, store

pytestmark = pytest.mark.whole

SINCE = {"start_date": date(2026, 1, 1)}
SERVERS = st.sampled_from(
    [
        {}, {"email_bounds": "exclusive"}, {"short_pages": ["emails"]}, {"duplicate_rows": ["emails"]},
        {"trailing_cursor": "always"}, {"trailing_cursor": "never"}, {"repeat_cursor": ["emails"]},
        {"cursor_loop": ["emails"]}, {"email_types": False}, {"email_previews": False}, {"max_email_depth": 150},
        {"insert_during_crawl": ["emails"]}, {"email_booleans": False, "omit_nulls": False},
        *({"lost_cursor": {"emails": how}, "email_bounds": bounds}
          for how in ("absent", "renamed", "empty", "ends") for bounds in ("inclusive", "exclusive")),
    ]
)  # fmt: skip
APART = st.sampled_from([timedelta(0), timedelta(milliseconds=1), timedelta(seconds=7), timedelta(hours=3)])
JUMPS = st.sampled_from([timedelta(0), timedelta(minutes=50), timedelta(days=-3), timedelta(days=40)])
FAULTS = st.sampled_from(["status", "reset", "truncate", "bad_json", "html", "nothing"])


class Machine(RuleBasedStateMachine):
    """One mailbox, one data directory after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.kills = 0

    @initialize(number=st.sampled_from([0, 1, 99, 100, 101, 320]), apart=APART)
    def begin(self, number: int, apart: timedelta) -> None:
        self.opened = bench(self.root / "0", EMPTY)
        self.at: Bench = self.opened.__enter__()
        self.at.clock = self.pace = Pace()
        self._store(number, apart, NOON - timedelta(hours=1))

    def _store(self, number: int, apart: timedelta, newest: Any) -> None:
        store(self.at, [email(newest - n * apart, (1, 1, 2, 1, 3)[n % 5]) for n in range(number)])

    @rule(hours=st.sampled_from([1, 7, 26, 400]), number=st.sampled_from([0, 1, 100, 130, 250]), apart=APART)
    def time_passes_and_emails_are_stored(self, hours: int, number: int, apart: timedelta) -> None:
        before = self.at.control.get("/clock").json()["now"]
        moved = self.at.post("/advance", {"hours": hours})
        self.at.clock.start += timedelta(hours=hours)
        newest = datetime.fromisoformat(moved["now"])
        step = min(apart, (newest - datetime.fromisoformat(before)) / max(number, 1))
        self._store(number, step, newest)

    @rule(jump=JUMPS)
    def the_clock_of_this_machine_jumps(self, jump: timedelta) -> None:
        self.at.clock.start += jump

    @rule(switches=SERVERS)
    def the_server_behaves(self, switches: dict[str, Any]) -> None:
        self.at.control.request("DELETE", "/switches")
        self.at.post("/switches", switches)

    @rule(kind=FAULTS, times=st.integers(1, 3), skip=st.integers(0, 9))
    def something_goes_wrong(self, kind: str, times: int, skip: int) -> None:
        self.at.control.request("DELETE", "/faults")
        if kind == "nothing":
            self.at.fault(EMAILS, "status", status=200, body={"items": []}, times=times, skip=skip)
        else:
            self.at.fault(EMAILS, kind, times=times, skip=skip)

    @rule(after=st.integers(0, 60), full=st.booleans())
    def a_sync_is_killed(self, after: int, full: bool) -> None:
        self.kills += 1
        self.pace.stride = 7.0
        self.at.killed_sync(self.root / f"{self.kills}", after, "", "emails", settings=SINCE, full=full)
        self.pace.stride = 0.0

    @rule()
    def a_sync_runs_out_of_time(self) -> None:
        self.pace.stride = 200.0
        self.at.sync("emails", settings=SINCE)
        self.pace.stride = 0.0

    @rule(full=st.booleans())
    def syncs_end_with_everything(self, full: bool) -> None:
        for _ in range(8):
            report = self.at.sync("emails", settings=SINCE, full=full)
            self.at.control.request("DELETE", "/faults")
            if stream_result(report, "emails").outcome == "ok":
                break
        assert stream_result(report, "emails").outcome == "ok", stream_result(report, "emails").reason
        assert not missing(self.at)

    @invariant()
    def nothing_is_doubled(self) -> None:
        if hasattr(self, "at"):
            assert not doubled(self.at)

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            self.opened.__exit__(None, None, None)
        shutil.rmtree(self.root)


def play(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, derandomize=True,
            phases=[Phase.generate],  # shrinking replays whole worlds: minutes
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_no_email_is_lost_or_doubled_whatever_the_server_the_clock_and_the_kills() -> None:
    play(examples=8, steps=12)


@pytest.mark.slow
def test_no_email_is_lost_or_doubled_in_long_plays() -> None:
    play(examples=100, steps=30)

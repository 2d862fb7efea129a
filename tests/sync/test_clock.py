"""A machine whose clock is wrong: refused before it writes; and what an earlier wrong clock left in checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from instantly_pipeline.errors import WrongClock
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.instants import instant
from instantly_pipeline.sync.leads.lead_state import SEGMENTS, SWEEP
from instantly_pipeline.sync.results import Event
from tests.sync.harness import NOON, Bench, bench, stream_result

MINUTES, DAYS = timedelta(minutes=1), timedelta(days=1)
WINDOWS = ("daily_analytics", "workspace_daily_analytics", "account_daily_analytics")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("clock")) as made:
        yield made


@pytest.fixture
def at(box: Bench, tmp_path: Path) -> Iterator[Bench]:
    """A data directory of its own, and a clock that is right."""
    box.control.request("DELETE", "/switches")
    made = Bench(box.url, box.key, tmp_path / "data")
    made.wait()  # from now on answers are dated
    yield made
    made.control.close()


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("off", [2 * DAYS, -2 * DAYS, 61 * MINUTES, 400 * DAYS])
def test_a_clock_that_is_far_off_is_refused_before_anything_is_written(at: Bench, off: timedelta) -> None:
    at.clock.start += off
    with pytest.raises(WrongClock, match="The clock of this machine is") as refused:
        at.sync("campaigns")
    assert "timedatectl" in str(refused.value)
    assert refused.value.exit_code == 2
    assert files(at.data_dir) == {}


def test_a_clock_that_went_wrong_leaves_a_data_directory_as_it_was(at: Bench) -> None:
    at.sync("campaigns")
    before = files(at.data_dir)
    at.clock.start += 2 * DAYS
    with pytest.raises(WrongClock):
        at.sync("campaigns")
    assert files(at.data_dir) == before


def test_a_wrong_clock_is_refused_for_several_workspaces_as_for_one(at: Bench) -> None:
    at.clock.start += 2 * DAYS
    with pytest.raises(WrongClock):
        at.sync("campaigns", settings={"api_keys": json.dumps({"a": at.key, "b": "nobody's"})})
    assert files(at.data_dir) == {}


def test_a_wrong_clock_is_said_rather_than_a_rejected_key_noted(at: Bench) -> None:
    at.sync("campaigns")
    before = files(at.data_dir)
    at.clock.start += 2 * DAYS
    with pytest.raises(WrongClock):
        at.sync("campaigns", settings={"api_key": "revoked"})
    assert files(at.data_dir) == before


def test_a_clock_that_is_some_minutes_off_is_said_and_the_sync_goes_on(at: Bench) -> None:
    at.clock.start += 20 * MINUTES
    report = at.sync("campaigns")
    assert report.exit_code == 0
    assert report.workspaces[0].clock is not None
    assert "20 min ahead of the API" in report.workspaces[0].clock
    assert report.workspaces[0].clock in at.said
    assert report.workspaces[0].clock in [row["notice"] for row in at.log("notices")]


@pytest.mark.parametrize(("off", "way"), [(2 * DAYS, "forward"), (-2 * DAYS, "back")])
def test_a_clock_that_goes_wrong_during_a_run_is_said_at_its_end(at: Bench, off: timedelta, way: str) -> None:
    begun = at.clock.start

    def set_clock(event: Event) -> None:
        if event.kind == "start":
            at.clock.start = begun + off

    at.watch = set_clock
    [workspace] = at.sync("campaigns", "accounts").workspaces
    assert workspace.clock is not None
    assert f"went {way} by 2 days 0 h during the run; the next sync corrects" in workspace.clock
    assert workspace.clock in at.said
    assert workspace.clock in [row["notice"] for row in at.log("notices")]


def test_a_plan_says_that_the_clock_is_wrong_and_is_made(at: Bench) -> None:
    at.clock.start -= 2 * DAYS
    [workspace] = at.plan("campaigns").workspaces
    assert workspace.plan is not None
    assert workspace.clock is not None
    assert "a sync would refuse" in workspace.clock


def test_a_server_that_does_not_tell_the_time_is_no_reason_to_refuse(at: Bench) -> None:
    at.post("/switches", {"date_header": False})
    at.clock.start += 2 * DAYS
    report = at.sync("campaigns")
    assert (report.exit_code, report.workspaces[0].clock) == (0, None)


@pytest.mark.parametrize("stream", WINDOWS)
def test_a_window_read_by_a_clock_far_ahead_is_read_again_from_its_beginning(at: Bench, stream: str) -> None:
    """When that was is not known: what happened since may not have been read."""
    at.post("/switches", {"date_header": False})
    at.clock.start += 40 * DAYS
    at.sync("campaigns", "accounts", "campaign_analytics", stream)
    at.clock.start = NOON
    run_id = at.sync(stream).run_id
    begun = [one["key_from"] for one in at.log("verified") if (one["run_id"], one["stream"]) == (run_id, stream)]
    assert any("2026-05-01" in key for key in begun)


def test_parts_swept_by_a_clock_far_ahead_are_due_and_are_dated_rightly_then(at: Bench) -> None:
    at.sizes = Sizes(0, 60, worth_a_sweep=9)
    at.post("/switches", {"date_header": False})
    at.clock.start += 400 * DAYS
    at.sync("leads")
    at.clock.start = NOON
    at.sync("leads")
    [workspace] = at.layout.workspaces()
    found = Checkpoints(at.layout, workspace).read(SEGMENTS)
    assert {row[2] for row in found["segments"]} | {found["rolled_at"]} == {NOON.isoformat()}


def test_a_sweep_begun_by_a_clock_far_ahead_begins_again(at: Bench) -> None:
    at.sync("leads")
    [workspace] = at.layout.workspaces()
    begun = {"started_at": (NOON + 400 * DAYS).isoformat(), "ranges": [], "rows": 0, "control": None}
    Checkpoints(at.layout, workspace).write(SWEEP, begun)
    at.said.clear()
    assert stream_result(at.sync("leads"), "leads").rows_read > 0
    assert not any("Resuming the sweep" in said for said in at.said)


def test_an_instant_of_a_checkpoint_is_now_at_the_latest_and_not_known_where_it_lies_far_ahead() -> None:
    assert instant(NOON.isoformat(), NOON + DAYS) == NOON
    assert instant((NOON + 10 * MINUTES).isoformat(), NOON) == NOON
    assert instant((NOON + 2 * DAYS).isoformat(), NOON) is None

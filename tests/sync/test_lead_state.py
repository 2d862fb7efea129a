"""What is remembered of the leads: typed, tolerant of damage, and taken over from version 0.1.0."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.leads.keyspace import CursorOrigin, KeyRange
from instantly_pipeline.sync.leads.lead_state import (
    DISTRUST,
    FINGERPRINTS,
    SCANS,
    SEGMENTS,
    SERVER,
    SWEEP,
    SWEEP_FINGERPRINTS,
    SWEPT,
    Answer,
    CampaignFingerprint,
    LeadState,
    Segment,
    Segments,
    UnfinishedSweep,
)
from instantly_pipeline.sync.leads.scope import Kind, Scope
from tests.sync.harness import NOON

EARLIER = NOON - timedelta(hours=3)
A, B = '["019e0000-0000-7000-8000-00000000000a"]', '["019e0000-0000-7000-8000-00000000000b"]'
ID_A = "019e0000-0000-7000-8000-00000000000a"
THEN = CampaignFingerprint("1:abc", "1:def")
OLD_NAMES = ("leads", "leads.sweep_tokens", "leads.gate", "leads.slices", "leads.touched")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(Layout(tmp_path), "w")


@pytest.fixture
def state(checkpoints: Checkpoints) -> LeadState:
    return LeadState(checkpoints, lambda: NOON)


def test_what_was_written_is_read_again(state: LeadState) -> None:
    campaign, shelf = Scope.campaign("c"), Scope(Kind.LIST, "l")
    sweep = UnfinishedSweep(
        EARLIER, 7, (KeyRange(A, None, "x", CursorOrigin.EARLIER), KeyRange(None, A, None, CursorOrigin.GUESSED)), B
    )
    state.begin_sweep(sweep, {"c": THEN})
    state.save_sweep(sweep)
    state.record_scan({campaign: THEN})
    state.record_scan({shelf: date(2026, 6, 1)})
    assert state.unfinished_sweep() == sweep
    assert state.sweep_fingerprints() == {"c": THEN}
    assert state.scans() == {campaign: THEN, shelf: date(2026, 6, 1)}
    state.commit_scans(["c", "l"])
    assert (state.last_fingerprints(), state.scans()) == ({"c": THEN}, {})


def test_a_sweep_that_came_to_its_end_leaves_nothing_unfinished(state: LeadState) -> None:
    state.begin_sweep(UnfinishedSweep(EARLIER, 0, (), None), {})
    state.save_sweep(UnfinishedSweep(EARLIER, 0, (), None))
    state.add_missing({Answer.SILENT: [A]})
    unread = KeyRange(A, A[:-3] + 'f"]')
    state.record_sweep({"c": THEN}, [KeyRange.between(None, A), KeyRange.between(A, None)], unread=[unread])
    assert state.segments() == Segments(
        (Segment(KeyRange(None, A), NOON), Segment(KeyRange(A, None, ID_A), None)), rolled_at=NOON
    )
    assert (state.swept_at(), state.unfinished_sweep(), state.has_missing()) == (NOON, None, False)


def test_segments_are_swept_but_for_those_with_something_unread(state: LeadState) -> None:
    parts = [KeyRange.between(None, A), KeyRange.between(A, B), KeyRange.between(B, None)]
    state.record_sweep({}, parts, unread=parts)
    state.record_segments(parts[:2], unread=[parts[1]])
    assert [one.swept_at for one in state.segments().all] == [NOON, None, None]


def test_missing_leads_add_up_until_they_are_forgotten(state: LeadState) -> None:
    state.add_missing({Answer.CONFIRMED: [A]})
    state.add_missing({Answer.CONFIRMED: [B], Answer.IGNORED: [A]})
    assert state.missing() == {Answer.CONFIRMED: {A, B}, Answer.SILENT: set(), Answer.IGNORED: {A}}
    state.replace_missing({Answer.SILENT: [A]})
    state.add_missing({Answer.SILENT: [B]})
    assert state.missing() == {Answer.CONFIRMED: set(), Answer.SILENT: {A, B}, Answer.IGNORED: set()}
    state.forget_missing()
    assert not state.has_missing()


def test_scans_do_not_count_without_what_they_found_missing(state: LeadState) -> None:
    state.record_scan({Scope.campaign("c"): THEN})
    state.add_missing({Answer.CONFIRMED: [A]})
    state.forget_missing()
    assert state.scans() == {}


def test_a_sweep_that_has_begun_goes_on_even_if_it_has_read_nothing(state: LeadState) -> None:
    sweep = UnfinishedSweep(EARLIER, 0, (KeyRange(),), None)
    state.add_missing({Answer.CONFIRMED: [A]})
    state.begin_sweep(sweep, {})
    assert (state.unfinished_sweep(), state.has_missing()) == (sweep, False)


@pytest.mark.parametrize(
    ("passed", "holds"), [(timedelta(days=7) - timedelta(seconds=1), True), (timedelta(days=7), False)]
)
def test_distrust_ends_after_a_week(checkpoints: Checkpoints, passed: timedelta, *, holds: bool) -> None:
    LeadState(checkpoints, lambda: NOON).record_distrust("why")
    assert (LeadState(checkpoints, lambda: NOON + passed).distrust() is not None) == holds


@pytest.mark.parametrize("damage", [{}, {"x": 1}, {"scans": 3, "segments": [1], "ranges": [[1]], "at": 5}])
def test_what_cannot_be_read_was_never_known(checkpoints: Checkpoints, state: LeadState, damage: Any) -> None:
    for name in (FINGERPRINTS, SCANS, SEGMENTS, SWEEP, SWEEP_FINGERPRINTS, SWEPT, SERVER, DISTRUST, *OLD_NAMES):
        checkpoints.write(name, damage)
    checkpoints.write("leads.missing.000000", {"confirmed": 5, "silent": [3, A]})
    state.migrate()
    assert (state.last_fingerprints(), state.scans(), state.segments()) == ({}, {}, Segments())
    assert (state.unfinished_sweep(), state.swept_at(), state.distrust()) == (None, None, None)
    assert (state.is_by_parent(), state.takes_any_id()) == (False, None)
    assert state.missing()[Answer.SILENT] == {A}


def old(name: str, checkpoints: Checkpoints, content: dict[str, Any]) -> LeadState:
    """The state after one checkpoint of version 0.1.0 was taken over."""
    checkpoints.write(name, content)
    read_only = LeadState(checkpoints, lambda: NOON)
    before = snapshot(read_only)
    assert checkpoints.names("leads") == [name]  # asking, as a plan does, writes nothing
    state = LeadState(checkpoints, lambda: NOON)
    assert state.migrate()
    assert name not in checkpoints.names("leads")
    assert snapshot(state) == before
    assert not state.migrate()
    return state


def snapshot(state: LeadState) -> tuple[object, ...]:
    return (
        state.last_fingerprints(), state.sweep_fingerprints(), state.scans(), state.segments(), state.unfinished_sweep()
    )  # fmt: skip


@pytest.mark.parametrize("token", ["1:abc|1:def", "1:abc|1:def|2026-05-01"])
def test_old_tokens_become_fingerprints(checkpoints: Checkpoints, token: str) -> None:
    state = old("leads.gate", checkpoints, {"c": token, "never counted": "|"})
    assert state.last_fingerprints() == {"c": THEN, "never counted": CampaignFingerprint("", "")}


def test_old_tokens_of_a_sweep_become_its_fingerprints(checkpoints: Checkpoints) -> None:
    assert old("leads.sweep_tokens", checkpoints, {"c": "1:abc|1:def"}).sweep_fingerprints() == {"c": THEN}


def test_old_touch_checkpoints_become_scans(checkpoints: Checkpoints) -> None:
    touched = {"campaign=c": "1:abc|1:def", "campaign=gone": "2026-06-01", "list_id=l": "2026-06-01"}
    assert old("leads.touched", checkpoints, touched).scans() == {
        Scope.campaign("c"): THEN,
        Scope.campaign("gone"): date(2026, 6, 1),
        Scope(Kind.LIST, "l"): date(2026, 6, 1),
    }


def test_old_slices_become_segments(checkpoints: Checkpoints) -> None:
    never = datetime.min.replace(tzinfo=UTC).isoformat()
    rows = [[None, A, EARLIER.isoformat()], [A, None, never]]
    found = old("leads.slices", checkpoints, {"rolled_at": EARLIER.isoformat(), "slices": rows}).segments()
    assert found == Segments(
        (Segment(KeyRange(None, A), EARLIER), Segment(KeyRange(A, None, ID_A), None)), rolled_at=EARLIER
    )


def test_an_old_sweep_goes_on(checkpoints: Checkpoints) -> None:
    spans = [[None, A, None, "KNOWN"], [A, B, "x", "TRIED"], [B, None, "y", "EARLIER"]]
    sweep = {"started_at": EARLIER.isoformat(), "rows": 7, "spans": spans, "control": B}
    assert old("leads", checkpoints, {"sweep": sweep}).unfinished_sweep() == UnfinishedSweep(
        EARLIER,
        7,
        (
            KeyRange(None, A, None, CursorOrigin.GIVEN),
            KeyRange(A, B, "x", CursorOrigin.GUESSED),
            KeyRange(B, None, "y", CursorOrigin.EARLIER),
        ),
        B,
    )


def test_a_migration_that_was_killed_goes_on(checkpoints: Checkpoints) -> None:
    """The new one was written and the old one is still there."""
    checkpoints.write("leads.gate", {"c": "1:abc|1:def"})
    checkpoints.write(FINGERPRINTS, {"c": {"counters": "torn", "row": "torn"}})
    checkpoints.write("leads.slices", {"rolled_at": None, "slices": []})
    state = LeadState(checkpoints, lambda: NOON)
    state.migrate()
    assert checkpoints.names("leads") == [FINGERPRINTS, SEGMENTS]
    assert state.last_fingerprints() == {"c": THEN}

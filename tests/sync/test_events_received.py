"""Received events: once in the lake whatever becomes of the sync, beside the pull, and with the leads they name."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from instantly_pipeline.lake.inbox import InboxWriter, Received, aside_segments, read_segment
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.events.intake import DAMAGED, sort_inbox
from instantly_pipeline.sync.events.leftover import notices
from instantly_pipeline.sync.events.waiting import drop, find, waiting
from instantly_pipeline.sync.results import Outcome
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench, stream_result
from tests.sync.inbox import EVENTS, as_text, events_of, inbox_files, payloads, receive, reply, told

pytestmark = pytest.mark.medium

WORLD = SandboxConfig(leads=150, campaigns=2, accounts=2, days=10, rate_limited=False, now=NOON)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "data", WORLD) as made:
        yield made


def spaces(at: Bench) -> list[str]:
    return [one["id"] for one in at.control.get("/state").json()["workspaces"]]


def test_received_events_are_taken_in_and_the_inbox_is_empty(at: Bench) -> None:
    receive(at.data_dir, reply(at, reply_text="one"), reply(at, reply_text="two"))
    at.sync(*EVENTS)
    [workspace] = spaces(at)
    found = events_of(at, workspace)
    assert (found["one"], found["two"]) == (NOON, NOON)
    assert inbox_files(at.data_dir) == []


def test_a_sync_takes_what_a_receiver_went_on_with_while_nobody_took_anything(tmp_path: Path) -> None:
    layout, clock = Layout(tmp_path / "data"), [0.0]
    writer = InboxWriter(layout, monotonic=lambda: clock[0])
    for number in range(3):  # the first segment is closed, the second goes on
        writer.append([Received(NOON, b'{"number": %d}' % number)])
        clock[0] += 60
        writer.close_if_due()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        writer.close_if_due()

    assert sort_inbox(layout, now=lambda: datetime.now(UTC) + timedelta(minutes=3), sleep=sleep)
    sorted_ones = (layout.inbox / "by-workspace").rglob("*.jsonl")
    assert sorted(one.body for path in sorted_ones for one in read_segment(path)) == [
        b'{"number": %d}' % number for number in range(3)
    ]
    assert len(waits) == 1


def test_a_sync_waits_two_seconds_for_a_receiver_that_does_not_answer(tmp_path: Path) -> None:
    layout, waits = Layout(tmp_path / "data"), list[float]()
    InboxWriter(layout).append([Received(NOON, b"{}")])
    assert not sort_inbox(layout, now=lambda: datetime.now(UTC) + timedelta(minutes=3), sleep=waits.append)
    assert sum(waits) == pytest.approx(2)


def test_an_event_that_was_received_keeps_its_row_when_it_is_pulled(at: Bench) -> None:
    receive(at.data_dir, *told(at))
    report = at.sync(*EVENTS)
    assert payloads(at) == sorted(map(as_text, told(at)))
    assert len(at.rows("webhook_events")) == len(told(at))
    assert {row["received_at"] for row in at.rows("webhook_events")} == {NOON}
    assert stream_result(report, "webhook_events").changes.updated == 0


def test_an_event_that_was_pulled_gets_the_time_it_is_received(at: Bench) -> None:
    at.sync(*EVENTS)
    [event, *_] = told(at)
    for minutes in (1, 2):  # a replay changes nothing
        receive(at.data_dir, event, at=NOON + timedelta(minutes=minutes))
        at.sync(*EVENTS)
    rows = [row for row in at.rows("webhook_events") if json.loads(row["payload"]) == event]
    assert [row["received_at"] for row in rows] == [None, NOON + timedelta(minutes=1)]


def test_notations_of_one_payload_are_one_event(at: Bench) -> None:
    event = reply(at, value=1, empty=None)
    other = json.dumps({**{k: event[k] for k in sorted(event, reverse=True) if k != "empty"}, "value": 1.0}).encode()
    receive(at.data_dir, event, other)
    receive(at.data_dir, other)
    at.sync(*EVENTS)
    assert len([row for row in at.rows("webhook_events") if row["received_at"]]) == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.lists(st.integers(0, 5), min_size=1, max_size=6)),
        st.tuples(st.just("take in"), st.just([])),
        st.tuples(st.just("pull"), st.just([])),
    ),
    min_size=2,
    max_size=5,
)


@pytest.mark.whole
@hypothesis.settings(max_examples=12, derandomize=True)
@hypothesis.given(steps=STEPS)
def test_both_ways_in_any_order_and_number_end_in_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, list[int]]]
) -> None:
    with bench(tmp_path_factory.mktemp("both") / "data", WORLD) as at:
        at.sync("custom_tags")  # the workspace is known
        events, first = told(at)[:6], dict[str, Any]()
        at.post("/switches", {"key_status": {at.key: 401}})  # without the API events are taken in all the same
        for minute, (step, chosen) in enumerate([*steps, ("pull", [])]):
            when = NOON + timedelta(minutes=minute)
            if step == "receive":
                receive(at.data_dir, *(events[n] for n in chosen), at=when)
                for n in chosen:
                    first.setdefault(as_text(events[n]), when)
            at.post("/switches", {"key_status": {at.key: 401} if step == "take in" else {}})
            if step != "receive":
                at.sync(*EVENTS)
        rows = at.alive("webhook_events").values()
        assert sorted(as_text(json.loads(row["payload"])) for row in rows) == sorted(map(as_text, told(at)))
        found = {as_text(json.loads(row["payload"])): row["received_at"] for row in rows if row["received_at"]}
        assert found == first
        assert len(at.rows("webhook_events")) <= len(rows) + len(first)


def test_without_an_accepted_key_events_of_a_known_workspace_are_taken_in(at: Bench) -> None:
    at.sync("custom_tags")
    at.post("/switches", {"key_status": {at.key: 401}})
    receive(at.data_dir, reply(at, reply_text="now"))
    report = at.sync(*EVENTS)
    assert (report.exit_code, report.taken_in) == (3, 1)
    assert events_of(at, spaces(at)[0]) == {"now": NOON}
    assert at.sync(*EVENTS).exit_code == 1  # nothing new


def test_without_a_network_events_of_a_known_workspace_are_taken_in(tmp_path: Path) -> None:
    with bench(tmp_path / "data", WORLD) as at:
        at.sync("custom_tags")
        receive(at.data_dir, reply(at, reply_text="now"))
    report = at.sync(*EVENTS)
    assert (report.exit_code, report.taken_in) == (3, 1)


def test_events_of_an_unknown_workspace_wait_until_it_is_synced(tmp_path: Path) -> None:
    config = SandboxConfig(leads=40, campaigns=1, accounts=1, days=5, rate_limited=False, now=NOON, workspaces=2)
    with bench(tmp_path / "data", config) as at:
        ours, other = spaces(at)
        usual = {"event_type": "reply_received", "timestamp": NOON.isoformat()}
        receive(
            at.data_dir,
            {**usual, "workspace": ours, "reply_text": "ours"},
            {**usual, "workspace": other, "reply_text": "theirs"},
        )
        at.sync(*EVENTS)
        assert events_of_text(at, other) == set()
        [notice] = at.log("notices")
        assert "1 received events wait" in notice["notice"]
        assert "2026-06-01 12:00 UTC" in notice["notice"]
        assert f"`instantly-pipeline webhooks drop --workspace {other}`" in notice["notice"]
        at.sync(*EVENTS)
        assert len(at.log("notices")) == 1  # nothing new waits
        receive(at.data_dir, {**usual, "workspace": other, "reply_text": "theirs, too"})
        at.sync(*EVENTS)
        assert "2 received events wait" in at.log("notices")[-1]["notice"]
        assert len(inbox_files(at.data_dir)) == 1
        at.sync(*EVENTS, settings={"api_keys": json.dumps({"default": at.key, "other": f"{at.key}-2"})})
        assert "theirs" in events_of_text(at, other)
        assert "theirs" not in events_of_text(at, ours)
        assert inbox_files(at.data_dir) == []


@pytest.mark.parametrize("hidden", ["Clinic of Bo", 7, {"id": "x"}, None])
def test_an_event_whose_workspace_a_custom_variable_hides_is_taken_in(at: Bench, hidden: object) -> None:
    [workspace] = spaces(at)
    at.sync("custom_tags")
    receive(at.data_dir, reply(at, reply_text="mine", workspace=hidden))
    receive(at.data_dir, reply(at, reply_text="found", workspace=hidden, organization=workspace))
    at.sync(*EVENTS)
    assert {"mine", "found"} <= events_of(at, workspace).keys()
    assert inbox_files(at.data_dir) == []


def test_with_several_workspaces_an_event_that_hides_its_own_waits_with_those_that_name_none(tmp_path: Path) -> None:
    config = SandboxConfig(leads=40, campaigns=1, accounts=1, days=5, rate_limited=False, now=NOON, workspaces=2)
    with bench(tmp_path / "data", config) as at:
        both = {"api_keys": json.dumps({"default": at.key, "other": f"{at.key}-2"})}
        at.sync("custom_tags", settings=both)
        usual = {"event_type": "reply_received", "timestamp": NOON.isoformat()}
        receive(at.data_dir, {**usual, "workspace": "Clinic of Bo"}, usual)
        at.sync(*EVENTS, settings=both)
        [notice] = at.log("notices")
        assert "2 received events wait" in notice["notice"]
        assert "`instantly-pipeline webhooks drop --workspace _all`" in notice["notice"]


def test_waiting_events_are_counted_once_and_dropped(tmp_path: Path) -> None:
    layout, theirs = Layout(tmp_path / "data"), "01990000-0000-7000-8000-000000000001"
    receive(layout.root, *({"workspace": theirs, "n": n} for n in range(3)), at=NOON)
    assert sort_inbox(layout)
    assert [one.events for one in waiting(layout, save=True)] == [3]
    [segment] = (layout.inbox / "by-workspace").rglob("*.jsonl")
    segment.write_bytes(b"x" * segment.stat().st_size)  # it is not read again
    receive(layout.root, {"workspace": theirs, "n": 4}, at=NOON - timedelta(hours=1))
    segment.write_bytes(b"x" * (segment.stat().st_size - 1) + b"\n")
    assert sort_inbox(layout)
    [found] = waiting(layout, save=True)
    assert (found.events, found.since, found.name) == (4, NOON - timedelta(hours=1), theirs)
    assert find([found], "another") is None
    drop(layout, found)
    assert waiting(layout) == []
    assert list(found.folder.iterdir()) == []


def test_a_damaged_line_is_kept_aside_and_counted(at: Bench) -> None:
    at.sync("custom_tags")
    receive(at.data_dir, *(reply(at, reply_text=text) for text in ("one", "torn", "three")))
    [path] = at.layout.inbox.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:40] + b"\n" + b"\0" * 9 + b"\n" + lines[2])
    assert at.sync(*EVENTS).exit_code == 0
    assert {"one", "three"} <= events_of(at, spaces(at)[0]).keys()
    aside = [one for path in aside_segments(at.layout) for one in read_segment(path)]
    assert [(one.body, one.reason) for one in aside] == [(lines[1][:40], DAMAGED), (b"\0" * 9, DAMAGED)]
    assert any("2 received bodies were put aside" in row["notice"] for row in at.log("notices"))


def test_a_damaged_line_of_a_sorted_segment_is_in_the_quarantine(at: Bench) -> None:
    at.sync("custom_tags")
    receive(at.data_dir, reply(at, reply_text="one"), reply(at, reply_text="two"))
    sort_inbox(at.layout)
    [path] = at.layout.inbox.rglob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"torn\n" + lines[1])
    report = at.sync(*EVENTS)
    assert stream_result(report, "webhook_events").rejected == {DAMAGED: 1}
    assert any((row["reason"], row["record"]) == (DAMAGED, "torn") for row in at.log("rejected"))


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user")
@pytest.mark.parametrize("whole_folder", [True, False])
def test_segments_that_this_user_may_not_read_are_named_with_what_to_do(whole_folder: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "data")
        receive(layout.root, {"n": 1}, {"n": 2})
        for path in (Path(folder), layout.root, *([] if whole_folder else [layout.inbox])):
            path.chmod(0o755)
        os.seteuid(65534)
        try:
            [text] = notices(layout, {})
            assert whole_folder or not sort_inbox(layout)
        finally:
            os.seteuid(0)
        assert str(layout.inbox) in text
        assert "sudo chown -R" in text
        assert notices(layout, {}) == []


def test_a_sorted_segment_goes_on_after_a_line_that_a_kill_left_unfinished(tmp_path: Path) -> None:
    layout, theirs = Layout(tmp_path / "data"), "01990000-0000-7000-8000-000000000001"
    receive(layout.root, {"workspace": theirs, "n": 1})
    sort_inbox(layout)
    [segment] = (layout.inbox / "by-workspace").rglob("*.jsonl")
    with segment.open("ab") as handle:
        handle.write(b'{"received_at": "2026')
    receive(layout.root, {"workspace": theirs, "n": 2})
    sort_inbox(layout)
    assert [json.loads(one.body)["n"] for one in read_segment(segment)] == [1, 2]
    assert b"2026{" not in segment.read_bytes()


def events_of_text(at: Bench, workspace: str) -> set[str]:
    rows = [json.loads(row["payload"]) for row in at.rows("webhook_events") if row["_ws"] == workspace]
    return {row["reply_text"] for row in rows if row.get("reply_text") in ("ours", "theirs")}


def test_an_event_that_names_no_workspace_goes_where_there_is_only_one(at: Bench) -> None:
    at.sync("custom_tags")
    event = reply(at, reply_text="mine")
    del event["workspace"]
    receive(at.data_dir, event)
    at.sync(*EVENTS)
    assert events_of(at, spaces(at)[0])["mine"] == NOON
    assert inbox_files(at.data_dir) == []


def test_damaged_events_in_the_lake_end_their_stream_alone_and_lose_no_received_one(at: Bench) -> None:
    receive(at.data_dir, reply(at, reply_text="before"))
    at.sync("campaigns", *EVENTS)
    for file in at.layout.files(at.layout.changes, "webhook_events"):
        file.path.chmod(0o600)
        file.path.write_bytes(b"damaged")
    shutil.rmtree(at.layout.root / "lake" / "index" / "webhook_events")
    receive(at.data_dir, reply(at, reply_text="after"))
    report = at.sync("campaigns", *EVENTS)
    assert stream_result(report, "webhook_events").outcome is Outcome.FAILED
    assert stream_result(report, "campaigns").outcome is Outcome.OK
    assert any("stay in the inbox" in said for said in at.said)
    assert len(inbox_files(at.data_dir)) == 1


def test_what_is_no_event_is_kept_aside(at: Bench) -> None:
    bodies = (b"[1]", b"{", b'"text"', b"\xff\xfe", b"{" * 3000)
    receive(at.data_dir, *bodies, reply(at, reply_text="good"))
    at.sync(*EVENTS)
    aside = [one.body for path in aside_segments(at.layout) for one in read_segment(path)]
    assert sorted(aside) == sorted(bodies)
    assert "good" in {json.loads(text).get("reply_text") for text in payloads(at)}
    assert inbox_files(at.data_dir) == []


@pytest.mark.whole
def test_a_sync_killed_before_each_operation_loses_and_doubles_no_event(tmp_path: Path) -> None:
    with bench(tmp_path / "data", WORLD) as at:
        at.sync("custom_tags")
        every = sorted(map(as_text, [*told(at), reply(at, reply_text="ours alone")]))
        receive(at.data_dir, *told(at)[::3], b"no event")
        receive(at.data_dir, reply(at, reply_text="ours alone"), *told(at)[::5])
        origin, kills = at.data_dir, 0
        while True:
            at.data_dir = tmp_path / f"{kills}"
            shutil.copytree(origin, at.data_dir)
            at.layout = Layout(at.data_dir)
            at.killed_sync(tmp_path / f"{kills}-killed", kills * 4, "", *EVENTS)
            if not at.data_dir.name.endswith("killed"):
                break
            assert at.sync(*EVENTS).exit_code == 0
            assert payloads(at) == every, f"killed before operation {kills * 4}"
            assert len(at.rows("webhook_deliveries")) == len(at.state("webhook_events"))
            assert inbox_files(at.data_dir) == []
            kills += 1
        assert kills >= 10


# leads


def followed(at: Bench) -> list[dict[str, Any]]:
    """The requests for leads since the last look."""
    found = [request for request in at.requests() if request["path"] == "/api/v2/leads/list"]
    at.forget_requests()
    return found


def begun(at: Bench) -> dict[str, Any]:
    """A synced data directory; then a lead's status is set by hand, which no counter shows."""
    at.sync("core")
    at.sync(*EVENTS)
    lead = next(row for row in at.state("leads") if row.get("campaign") and row.get("email"))
    at.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": {"lt_interest_status": 4}})
    at.forget_requests()
    return lead


@pytest.mark.parametrize("by", ["lead_id", "lead_email"])
def test_the_lead_that_a_received_event_names_is_read_at_once(at: Bench, by: str) -> None:
    lead = begun(at)
    named = {"lead_email": lead["email"].upper()} if by == "lead_email" else {"lead_email": None, "lead_id": lead["id"]}
    receive(at.data_dir, reply(at, **named))
    assert at.sync(*EVENTS).exit_code == 0
    assert at.alive("leads")[json.dumps([lead["id"]])]["lt_interest_status"] == 4
    assert len(followed(at)) == 1
    at.sync(*EVENTS)
    assert followed(at) == []


def test_a_custom_variable_that_hides_a_field_refuses_no_request(at: Bench) -> None:
    lead = begun(at)
    odd = [
        {"lead_email": "who knows", "lead_id": "CRM-7"},
        {"lead_email": 7},
        {"lead_email": lead["email"], "lead_id": "7"},
    ]
    receive(at.data_dir, *(reply(at, **fields) for fields in odd))
    at.sync(*EVENTS)
    assert at.alive("leads")[json.dumps([lead["id"]])]["lt_interest_status"] == 4
    assert len(followed(at)) == 1


def test_all_leads_of_a_contact_are_read(at: Bench) -> None:
    lead = begun(at)
    other = {**lead, "id": "019e0000-0000-7000-8000-000000000001", "campaign": at.state("campaigns")[1]["id"]}
    at.mutate({"op": "insert", "collection": "leads", "record": other})
    receive(at.data_dir, reply(at, lead_email=lead["email"]))
    at.sync(*EVENTS)
    stored = at.alive("leads")
    assert json.dumps([other["id"]]) in stored
    assert stored[json.dumps([lead["id"]])]["lt_interest_status"] == 4


def test_leads_are_followed_after_a_kill_or_a_failure_too(at: Bench) -> None:
    lead = begun(at)
    receive(at.data_dir, reply(at, lead_email=lead["email"]))
    at.fault("/api/v2/leads/list", "status", status=500)
    report = at.sync(*EVENTS)
    assert stream_result(report, "webhook_events").outcome is Outcome.FAILED
    at.control.request("DELETE", "/faults")
    assert at.sync(*EVENTS).exit_code == 0
    assert at.alive("leads")[json.dumps([lead["id"]])]["lt_interest_status"] == 4


def test_an_api_that_refuses_to_list_leads_by_contact_leaves_them_to_other_syncs(at: Bench) -> None:
    lead = begun(at)
    receive(at.data_dir, reply(at, lead_email=lead["email"]))
    at.fault("/api/v2/leads/list", "status", status=400)
    report = at.sync(*EVENTS)
    assert (report.exit_code, stream_result(report, "webhook_events").outcome) == (0, Outcome.PARTIAL)
    assert len(followed(at)) == 1


def test_an_api_that_ignores_contacts_is_asked_once(at: Bench) -> None:
    lead = begun(at)
    before = len(at.rows("leads"))
    receive(at.data_dir, reply(at, lead_email="nobody@nowhere.example"))
    body = {"items": at.state("leads")[:50], "next_starting_after": lead["id"]}
    at.fault("/api/v2/leads/list", "status", status=200, body=body)
    report = at.sync(*EVENTS)
    assert "other leads than were asked for" in (stream_result(report, "webhook_events").reason or "")
    assert (len(followed(at)), len(at.rows("leads"))) == (1, before)


def test_a_lead_that_is_not_found_is_not_taken_for_deleted(at: Bench) -> None:
    lead = begun(at)
    at.mutate({"op": "delete_lead", "id": lead["id"]})
    receive(at.data_dir, reply(at, lead_email=lead["email"]))
    assert at.sync(*EVENTS).exit_code == 0
    assert json.dumps([lead["id"]]) in at.alive("leads")


def test_the_first_sync_of_all_reads_no_lead_twice(at: Bench) -> None:
    report = at.sync("all")
    assert report.exit_code == 0
    assert not any("contacts" in json.dumps(request) for request in followed(at))
    assert not any("that events name were read" in text for text in at.said)


def test_leads_are_not_followed_before_they_were_read_or_where_they_are_not_synced(at: Bench) -> None:
    receive(at.data_dir, reply(at))
    at.sync(*EVENTS)
    assert followed(at) == []
    at.sync("core")
    followed(at)
    receive(at.data_dir, reply(at, reply_text="again"))
    at.sync(*EVENTS, settings={"streams": "campaigns"})
    assert followed(at) == []


def test_events_from_before_the_lookback_name_no_lead(at: Bench) -> None:
    lead = begun(at)
    receive(at.data_dir, reply(at, lead_email=lead["email"], timestamp=(NOON - timedelta(days=30)).isoformat()))
    at.sync(*EVENTS)
    assert followed(at) == []

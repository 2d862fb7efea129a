"""E-mails: increments, the past, what changes later, servers that hide some, and what is not to be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.results import Outcome
from tests.sync.harness import NOON, Bench, Pace, assert_equal, bench, stream_result
from tests.sync.mailbox import EMAILS, EMPTY, asked, doubled, email, missing, spread, store

HOUR = timedelta(hours=1)
SINCE: dict[str, Any] = {"start_date": date(2026, 1, 1)}
BODIES: dict[str, Any] = {"email_bodies": True}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Bench]:
    """An empty mailbox and an empty data directory."""
    with bench(tmp_path / "data", EMPTY) as made:
        made.clock = Pace()
        yield made


def outcome(at: Bench, **more: Any) -> tuple[Outcome, str | None]:
    result = stream_result(at.sync("emails", settings=SINCE | more.pop("settings", {}), **more), "emails")
    return result.outcome, result.reason


def read(at: Bench, **more: Any) -> None:
    assert outcome(at, **more)[0] is Outcome.OK


def requests(at: Bench) -> list[dict[str, Any]]:
    return [request for request in at.requests() if request["path"] == EMAILS]


@pytest.mark.medium
def test_a_first_sync_has_every_email_of_the_world(at: Bench) -> None:
    assert stream_result(at.sync("emails", settings=BODIES), "emails").outcome is Outcome.OK
    emails = at.state("emails")
    assert {row["ue_type"] for row in emails} == {1, 2, 3}
    assert_equal("emails", emails, at.alive("emails"))


def test_a_mailbox_that_stands_still_costs_one_request_per_listing(box: Bench) -> None:
    store(box, [*spread(120), *spread(10, kind=2), *spread(3, kind=3)])
    read(box)
    box.forget_requests()
    read(box)
    assert asked(box) == 3


def test_an_increment_asks_for_what_is_newer_than_the_newest_known_email(box: Bench) -> None:
    store(box, spread(250))
    read(box)
    box.advance(hours=1)
    store(box, spread(5, newest=NOON + HOUR, apart=timedelta(minutes=5)))
    box.forget_requests()
    read(box)
    assert not missing(box)
    assert [r.get("min_timestamp_created", "")[:13] for r in requests(box)][-1] == "2026-06-01T11"
    assert asked(box) == 3


def test_a_pause_of_any_length_is_a_longer_increment(box: Bench) -> None:
    store(box, spread(20))
    read(box)
    box.advance(days=30)
    store(box, spread(250, newest=NOON + timedelta(days=30), apart=2 * HOUR))
    read(box)
    assert not missing(box)
    assert not doubled(box)


def test_new_emails_of_each_kind_come_before_the_past_and_received_ones_first(box: Bench) -> None:
    store(box, [*spread(250), *spread(120, kind=2), *spread(2, kind=3)])
    read(box)
    kinds = [request.get("email_type", "all") for request in requests(box)]
    assert kinds[:3] == ["received", "manual", "all"]
    assert kinds == [*kinds[:3], *sorted(kinds[3:], key=["received", "manual", "all"].index)]


def test_a_run_has_ten_minutes_for_emails_and_the_next_one_goes_on(box: Bench) -> None:
    store(box, spread(1500))
    box.clock.stride = 9.0  # type: ignore[attr-defined]
    found = [outcome(box)]
    while found[-1][0] is Outcome.PARTIAL and len(found) < 10:
        found.append(outcome(box))
    assert [one[0] for one in found] == [*[Outcome.PARTIAL] * (len(found) - 1), Outcome.OK]
    assert len(found) >= 3
    assert "left for later runs (sync --full reads them all)" in str(found[0][1])
    assert not missing(box)
    assert not doubled(box)
    assert asked(box) <= 15 + 3 * len(found) + 3  # no page is read again but for what is new, and one for the end


def test_full_has_no_end_and_reads_what_was_read_today_of_the_lookback_again(box: Bench) -> None:
    store(box, spread(1500))
    box.clock.stride = 9.0  # type: ignore[attr-defined]
    read(box, full=True)
    assert not missing(box)
    [one] = [row for row in box.state("emails") if row["timestamp_created"].startswith("2026-06-01T11:59")]
    box.mutate({"op": "update", "collection": "emails", "id": one["id"], "set": {"i_status": 1}})
    read(box, full=True)
    assert box.alive("emails")[f'["{one["id"]}"]']["i_status"] == 1


def test_received_emails_of_the_lookback_are_read_again_on_another_day(box: Bench) -> None:
    stored = store(box, [*spread(40, apart=24 * HOUR, kind=2), *spread(10, kind=3)])
    read(box)
    changes = {"i_status": 2, "is_unread": 0, "ai_interest_value": 0.5, "reminder_ts": "2026-06-09T00:00:00.000Z"}
    ops = [{"op": "update", "collection": "emails", "id": row["id"], "set": changes} for row in stored[:40]]
    box.mutate(*ops)
    read(box)
    assert sum(row["i_status"] == 2 for row in box.alive("emails").values()) == 1  # what an increment reads again
    box.wait(days=1)
    read(box)
    assert sum(row["i_status"] == 2 for row in box.alive("emails").values()) == 15
    assert len(box.rows("emails")) == 50 + 15


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
def test_an_email_stored_in_the_same_instant_as_the_newest_known_one_is_found(box: Bench, bounds: str) -> None:
    box.post("/switches", {"email_bounds": bounds})
    store(box, [email(NOON) for _ in range(3)])
    read(box)
    store(box, [email(NOON) for _ in range(3)])
    read(box)
    assert not missing(box)


def test_an_email_that_became_visible_a_day_late_is_found_on_the_next_day(box: Bench) -> None:
    store(box, spread(30))
    read(box)
    store(box, [email(NOON - 20 * HOUR)])
    read(box)
    assert len(missing(box)) == 1
    box.wait(days=1)
    read(box)
    assert not missing(box)


def test_an_email_from_the_future_hides_none_that_comes_after_it(box: Bench) -> None:
    store(box, spread(5))
    rows = sorted(box.state("emails"), key=lambda row: str(row["timestamp_created"]), reverse=True)
    early = email(NOON + timedelta(days=30_000))
    box.fault(EMAILS, "status", status=200, skip=2, times=1, body={"items": [early, *rows]})  # the listing of all
    read(box)
    assert json.dumps([early["id"]]) in box.alive("emails")
    box.advance(hours=1)
    store(box, spread(5, newest=NOON + HOUR, apart=timedelta(minutes=5)))
    read(box)
    assert not missing(box)


def test_emails_that_arrive_while_paging_are_read(box: Bench) -> None:
    store(box, spread(350))
    box.post("/switches", {"insert_during_crawl": ["emails"]})
    read(box)
    box.post("/switches", {"insert_during_crawl": False})
    read(box)
    assert not missing(box)
    assert not doubled(box)


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
@pytest.mark.parametrize("how", ["absent", "renamed", "empty", "ends"])
def test_where_the_cursor_is_lost_time_leads_on(box: Bench, how: str, bounds: str) -> None:
    box.post("/switches", {"lost_cursor": {"emails": how}, "email_bounds": bounds})
    store(box, spread(350))
    read(box)
    assert not missing(box)


@pytest.mark.parametrize("number", [100, 150, 200, 330])
def test_more_than_a_page_of_one_instant_is_read_whole(box: Bench, number: int) -> None:
    store(box, [*spread(20), *(email(NOON - 30 * HOUR) for _ in range(number)), *spread(9, newest=NOON - 40 * HOUR)])
    read(box)
    assert not missing(box)


def test_a_server_that_fails_on_deep_pages_is_asked_by_time(box: Bench) -> None:
    box.post("/switches", {"max_email_depth": 150})
    store(box, spread(700))
    read(box)
    assert not missing(box)


@pytest.mark.parametrize("skip", range(9))
def test_an_answer_that_shows_nothing_where_there_should_be_emails_proves_nothing(box: Bench, skip: int) -> None:
    store(box, [*spread(250), *spread(110, kind=2)])
    box.fault(EMAILS, "status", status=200, body={"items": []}, times=2, skip=skip)
    outcome(box)
    read(box)
    assert not missing(box)


def test_a_page_that_cannot_be_read_fails_the_stream_and_keeps_what_was_read(box: Bench) -> None:
    stored = store(box, spread(400))
    box.fault(EMAILS, "status", status=500, match={"answer_contains": stored[250]["id"]})
    assert outcome(box)[0] is Outcome.FAILED
    assert len(missing(box)) == 150
    box.control.request("DELETE", "/faults")
    read(box)
    assert not missing(box)
    assert not doubled(box)


def test_a_list_that_is_not_newest_first_is_no_ground_to_go_by(box: Bench) -> None:
    rows = spread(5)
    box.fault(EMAILS, "status", status=200, body={"items": rows[::-1]})
    found = outcome(box)
    assert found[0] is Outcome.FAILED
    assert "does not list the newest first" in str(found[1])


def test_where_the_kind_is_ignored_the_listing_of_all_reads_all_once(box: Bench) -> None:
    box.post("/switches", {"email_types": False})
    store(box, [*spread(300), *spread(9, kind=2)])
    read(box)
    assert not missing(box)
    assert asked(box) <= 2 + 5
    notices = [row["notice"] for row in box.log("notices")]
    assert "email_type=received brings nothing forward: the API does not apply it." in notices


def test_where_the_kind_is_refused_the_listing_of_all_reads_all(box: Bench) -> None:
    store(box, [*spread(120), *spread(9, kind=2)])
    box.fault(EMAILS, "status", status=400, match={"contains": "email_type"})
    read(box)
    assert not missing(box)


def test_a_listing_whose_emails_are_all_gone_is_asked_for_once_a_day_and_is_no_failure(box: Bench) -> None:
    stored = store(box, spread(30))
    read(box)
    box.mutate(*({"op": "delete", "collection": "emails", "id": row["id"]} for row in stored))
    box.wait(days=1)
    read(box)
    box.forget_requests()
    read(box)
    assert asked(box) == 3
    assert len(box.alive("emails")) == 30


def test_an_email_that_is_gone_is_kept(box: Bench) -> None:
    stored = store(box, spread(30))
    read(box)
    box.mutate(*({"op": "delete", "collection": "emails", "id": row["id"]} for row in stored[:5]))
    box.wait(days=1)
    read(box)
    assert len(box.alive("emails")) == 30


def test_flags_are_taken_as_numbers_and_as_truth_values(box: Bench) -> None:
    store(
        box, [email(NOON, 2, is_unread=1), email(NOON - HOUR, 2, is_unread=True), email(NOON - 2 * HOUR, is_unread=0)]
    )
    read(box)
    assert [row["is_unread"] for row in box.alive("emails").values()].count(True) == 2
    assert box.log("quarantine") == []


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def texts(at: Bench) -> bytes:
    """All that is stored, Parquet files as text."""
    tables = [
        *at.rows("emails"),
        *(row for log in ("quarantine", "rejected", "notices", "schema_drift") for row in at.log(log)),
    ]
    return everything_in(at.data_dir) + repr(tables).encode()


ODD = [
    {"body": "private words as text"}, {"body": None, "body_html": "private words"}, {"bodyText": "private words"},
    {"id": None}, {"html": "private words"}, {"content_preview": {"private": "words"}},
]  # fmt: skip


@pytest.mark.parametrize("previews", [True, False])
def test_without_the_setting_nothing_that_an_email_says_is_stored(box: Bench, previews: bool) -> None:
    box.post("/switches", {"email_previews": previews})
    store(box, spread(5))
    rows = [email(NOON, 2) | odd for odd in ODD]
    read(box)
    box.fault(EMAILS, "status", status=200, body={"items": rows}, times=1)
    outcome(box)
    assert len(box.alive("emails")) == 5 + len(ODD) - 1
    assert b"private" not in texts(box)
    assert all(row["body"] is None and row["content_preview"] is None for row in box.rows("emails"))


def test_with_the_setting_bodies_and_previews_are_kept(box: Bench) -> None:
    stored = store(box, spread(5))
    read(box, settings=BODIES)
    rows = box.alive("emails")
    for record in stored:
        row = rows[json.dumps([record["id"]])]
        assert (json.loads(row["body"]), row["content_preview"]) == (record["body"], record["content_preview"])


@pytest.mark.parametrize("first", [{}, BODIES])
def test_changing_the_setting_makes_no_versions(box: Bench, first: dict[str, Any]) -> None:
    store(box, spread(120))
    read(box, settings=first)
    box.wait(days=1)
    read(box, settings={} if first else BODIES)
    assert len(box.rows("emails")) == 120


def test_emails_have_a_rate_of_their_own_that_the_next_sync_knows(box: Bench) -> None:
    store(box, spread(1500))
    box.fault(EMAILS, "status", status=429, times=3, skip=12)
    read(box)
    [kept] = box.data_dir.rglob("rate.emails.json")
    assert json.loads(kept.read_bytes())["per_minute"] > 0
    assert not list(box.data_dir.rglob("rate.json"))  # the workspace's own has learned nothing from it


def test_a_plan_says_the_requests_and_the_minutes_of_the_emails(box: Bench) -> None:
    store(box, spread(30))
    read(box)
    plan = box.plan("emails", settings=SINCE).workspaces[0].plan
    assert plan is not None
    cost = plan.costs[-1]
    assert (cost.stream, cost.requests, cost.low) == ("emails", 3, 3)
    assert plan.minutes(cost) == pytest.approx(3 / 20)
    assert plan.minutes() == pytest.approx(3 / 20)


def test_the_progress_of_a_run_knows_how_long_the_emails_take_at_their_own_rate(box: Bench) -> None:
    store(box, spread(30))
    read(box)
    seen: list[float] = []
    box.watch = lambda event: seen.append(event.at_least) if event.kind == "spent" else None
    read(box)
    assert seen[0] == pytest.approx(3 * 60 / 20)
    assert [round(left) for left in seen] == sorted((round(left) for left in seen), reverse=True)
    assert seen[-1] == 0

"""A list that ends early looks like one that is over: what it does not show is asked for by id before it counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.context import Sizes
from instantly_pipeline.sync.results import Outcome
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.medium

PATHS = {
    "campaigns": "/api/v2/campaigns",
    "accounts": "/api/v2/accounts",
    "lead_lists": "/api/v2/lead-lists",
    "lead_labels": "/api/v2/lead-labels",
    "block_list_entries": "/api/v2/block-lists-entries",
    "custom_tags": "/api/v2/custom-tags",
    "api_keys": "/api/v2/api-keys",
}
NUMBER = 130


def filled(at: Bench, stream: str) -> None:
    """As many records in the list as make two pages."""
    pattern = at.state(stream)[0]
    here = len(at.state(stream))
    records = [
        {
            **pattern,
            "id": f"0199aaaa-0000-7000-8000-{n:012x}",
            "timestamp_created": f"2026-05-0{1 + n % 9}T10:{n % 60:02}:{n // 60:02}.{n:03}Z",
            **({"email": f"box-{n}@many.example"} if stream == "accounts" else {}),
        }
        for n in range(NUMBER - here)
    ]
    at.mutate({"op": "insert", "collection": stream, "records": records})
    assert len(at.state(stream)) == NUMBER


@pytest.fixture(scope="module", params=sorted(PATHS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, str]]:
    config = SandboxConfig(leads=20, campaigns=2, accounts=2, days=3, rate_limited=False, now=NOON)
    with bench(tmp_path_factory.mktemp("early") / "data", config) as at:
        filled(at, request.param)
        yield at, request.param


@pytest.fixture
def full(world: tuple[Bench, str], tmp_path: Path) -> Iterator[tuple[Bench, str]]:
    """A world with two pages in one of its lists, and an empty data directory."""
    at, stream = world
    fresh = Bench(at.url, at.key, tmp_path / "data")
    yield fresh, stream
    at.control.request("DELETE", "/faults")
    at.control.request("DELETE", "/switches")
    fresh.control.close()


@pytest.mark.parametrize("how", ["absent", "renamed", "empty"])
def test_a_list_is_read_whole_though_its_cursor_is_lost(full: tuple[Bench, str], how: str) -> None:
    at, stream = full
    at.post("/switches", {"lost_cursor": {stream: how}})
    for _ in range(2):
        assert at.sync(stream).exit_code == 0
        assert_mirrors(at, (stream,))


@pytest.mark.parametrize("since", ["the second sync", "the first"])
def test_an_empty_page_in_the_middle_deletes_nothing_and_is_said(full: tuple[Bench, str], since: str) -> None:
    at, stream = full
    if since == "the second sync":
        at.sync(stream)
    at.post("/switches", {"lost_cursor": {stream: "ends"}})
    report = at.sync(stream)
    assert {row["_op"] for row in at.rows(stream)} == {"upsert"}
    if since == "the second sync":
        result = stream_result(report, stream)
        assert (result.outcome, report.exit_code) == (Outcome.FAILED, 3)
        assert "ended early" in (result.reason or "")
        assert len(at.alive(stream)) == NUMBER
    at.control.request("DELETE", "/switches")
    assert at.sync(stream).exit_code == 0
    assert_mirrors(at, (stream,))


def test_a_list_that_comes_back_empty_deletes_nothing_that_the_api_has_by_id(full: tuple[Bench, str]) -> None:
    at, stream = full
    at.sync(stream)
    at.fault(PATHS[stream], "status", status=200, body={"items": []})
    report = at.sync(stream)
    assert report.exit_code == 3
    assert len(at.alive(stream)) == NUMBER


@pytest.mark.parametrize("count", [1, 60])
def test_what_the_api_says_by_id_is_gone_is_deleted_however_much_it_is(full: tuple[Bench, str], count: int) -> None:
    at, stream = full
    at.sync(stream)
    name = "email" if stream == "accounts" else "id"
    gone = at.state(stream)[-count:]
    at.mutate(*({"op": "delete", "collection": stream, "id": row[name]} for row in gone))
    try:
        report = at.sync(stream)
        assert (report.exit_code, stream_result(report, stream).changes.deleted) == (0, count)
        assert_mirrors(at, (stream,))
        asked = [r for r in at.requests() if r["path"].startswith(PATHS[stream] + "/")]
        assert len(asked) >= count
    finally:
        at.mutate({"op": "insert", "collection": stream, "records": gone})


def no_questions_by_id(at: Bench, stream: str, **answer: Any) -> None:
    at.fault(f"{PATHS[stream]}/{{id}}", "status", **answer)


REFUSALS = [
    {"status": 404},
    {"status": 403},
    {"status": 400},
    {"status": 200, "body": {"items": []}},
    {"status": 200, "body": {"id": "0199aaaa-0000-7000-8000-00000000ffff", "email": "other@many.example"}},
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("count", [3, 40])
def test_what_cannot_be_asked_by_id_is_held_when_it_is_more_than_a_few(
    at: Bench, refusal: dict[str, Any], count: int
) -> None:
    filled(at, "api_keys")
    at.sync("api_keys")
    no_questions_by_id(at, "api_keys", **refusal)
    at.mutate(*({"op": "delete", "collection": "api_keys", "id": r["id"]} for r in at.state("api_keys")[:count]))
    at.forget_requests()
    report = at.sync("api_keys")
    lists = sum(r["path"] == PATHS["api_keys"] for r in at.requests())
    assert lists == 2 * -(-(NUMBER - count) // 100)  # two readings
    if count > 3:
        assert (stream_result(report, "api_keys").held_deletes, report.exit_code) == (count, 3)
        assert at.sync("api_keys", accept_deletes=True).exit_code == 0
    assert_mirrors(at, ("api_keys",))


def test_thousands_that_are_gone_are_judged_by_some_hundreds(at: Bench) -> None:
    pattern = at.state("block_list_entries")[0]
    records = [{**pattern, "id": f"0199aaaa-0000-7000-8000-{n:012x}"} for n in range(3_000)]
    at.mutate({"op": "insert", "collection": "block_list_entries", "records": records})
    at.sync("block_list_entries")
    at.mutate(*({"op": "delete", "collection": "block_list_entries", "id": r["id"]} for r in records))
    at.forget_requests()
    report = at.sync("block_list_entries")
    assert (report.exit_code, stream_result(report, "block_list_entries").changes.deleted) == (0, 3_000)
    assert 100 < len(at.requests()) < 300
    assert_mirrors(at, ("block_list_entries",))


def test_a_long_list_of_which_half_is_not_shown_loses_nothing(at: Bench) -> None:
    pattern = at.state("block_list_entries")[0]
    records = [{**pattern, "id": f"0199aaaa-0000-7000-8000-{n:012x}"} for n in range(1_000)]
    at.mutate({"op": "insert", "collection": "block_list_entries", "records": records})
    at.sync("block_list_entries")
    shown = sorted(at.state("block_list_entries"), key=lambda r: str(r["id"]), reverse=True)
    at.fault(PATHS["block_list_entries"], "status", status=200, body={"items": shown[:90]})
    report = at.sync("block_list_entries")
    assert report.exit_code == 3
    assert len(at.alive("block_list_entries")) == len(shown)
    at.control.request("DELETE", "/faults")
    assert at.sync("block_list_entries").exit_code == 0
    assert_mirrors(at, ("block_list_entries",))


def test_an_answer_by_id_that_does_not_come_deletes_nothing(at: Bench) -> None:
    at.sync("custom_tags")
    at.mutate({"op": "delete", "collection": "custom_tags", "id": at.state("custom_tags")[0]["id"]})
    no_questions_by_id(at, "custom_tags", status=500)
    report = at.sync("custom_tags")
    assert (stream_result(report, "custom_tags").outcome, report.exit_code) == (Outcome.FAILED, 3)
    assert {row["_op"] for row in at.rows("custom_tags")} == {"upsert"}


@pytest.mark.parametrize("stream", ["lead_lists", "lead_labels"])
def test_records_of_one_instant_at_the_edge_of_a_page_are_all_read(at: Bench, stream: str) -> None:
    pattern = at.state(stream)[0]
    records = [
        {
            **pattern,
            "id": f"0199aaaa-0000-7000-8000-{n:012x}",
            "timestamp_created": f"2026-05-31T10:00:00.{900 - n // 3:03}Z",
        }
        for n in range(250)
    ]
    at.mutate({"op": "insert", "collection": stream, "records": records})
    assert at.sync(stream).exit_code == 0
    assert_mirrors(at, (stream,))


@pytest.fixture(params=[10, 0], ids=["all are read each time", "what moved is read"])
def leads(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    config = SandboxConfig(leads=350, campaigns=2, accounts=2, days=3, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.sizes = Sizes(few_pages=request.param, leads_per_segment=100, worth_a_sweep=9)
        yield at


@pytest.mark.parametrize("how", ["absent", "renamed", "empty"])
def test_leads_are_read_whole_though_the_cursor_is_lost(leads: Bench, how: str) -> None:
    leads.post("/switches", {"lost_cursor": {"leads": how}})
    for full in (False, False, True):
        assert leads.sync("campaigns", "campaign_analytics", "leads", full=full).exit_code == 0
        assert_mirrors(leads, ("leads",))


@pytest.mark.parametrize("full", [False, True])
def test_a_list_of_leads_that_ends_early_loses_none(leads: Bench, full: bool) -> None:
    leads.sync("campaigns", "campaign_analytics", "leads")
    leads.post("/switches", {"lost_cursor": {"leads": "ends"}})
    moved = next(row for row in leads.state("leads") if row.get("campaign"))["id"]
    leads.mutate({"op": "delete_lead", "id": moved})
    report = leads.sync("campaigns", "campaign_analytics", "leads", full=full)
    assert {row["_key"] for row in leads.rows("leads") if row["_op"] == "delete"} <= {f'["{moved}"]'}
    assert report.exit_code == 3
    leads.control.request("DELETE", "/switches")
    assert leads.sync("campaigns", "campaign_analytics", "leads", full=True).exit_code == 0
    assert_mirrors(leads, ("leads",))


def hides(at: Bench, stream: str, *hidden: str) -> None:
    """The list leaves these out; the API has them by id."""
    shown = [row for row in at.state(stream) if row["id"] not in hidden]
    at.fault(PATHS[stream], "status", status=200, body={"items": shown})


def test_a_short_list_that_comes_back_empty_by_mistake_deletes_nothing(at: Bench) -> None:
    for tag in at.state("custom_tags")[3:]:
        at.mutate({"op": "delete", "collection": "custom_tags", "id": tag["id"]})
    at.sync("custom_tags")
    hides(at, "custom_tags", *(tag["id"] for tag in at.state("custom_tags")))
    report = at.sync("custom_tags")
    assert "ended early" in (stream_result(report, "custom_tags").reason or "")
    assert_mirrors(at, ("custom_tags",))


def test_what_is_there_by_id_counts_though_the_record_asked_along_was_deleted_meanwhile(at: Bench) -> None:
    at.sync("custom_tags")
    first, *others = at.state("custom_tags")
    at.fault(PATHS["custom_tags"], "status", status=200, body={"items": [first]})
    at.mutate({"op": "delete", "collection": "custom_tags", "id": others[0]["id"]})
    at.fault(f"{PATHS['custom_tags']}/{first['id']}", "status", status=404)
    assert stream_result(at.sync("custom_tags"), "custom_tags").changes.deleted == 1
    assert at.alive("custom_tags").keys() == {f'["{tag["id"]}"]' for tag in (first, *others[1:])}


def test_a_few_that_cannot_be_asked_are_kept_where_the_list_is_known_to_have_ended_early(at: Bench) -> None:
    at.sync("custom_tags")
    there, unknown = (row["id"] for row in at.state("custom_tags")[:2])
    hides(at, "custom_tags", there, unknown)
    at.fault(f"{PATHS['custom_tags']}/{unknown}", "status", status=400)
    result = stream_result(at.sync("custom_tags"), "custom_tags")
    assert (result.outcome, result.held_deletes, result.changes.deleted) == (Outcome.FAILED, 1, 0)
    assert "ended early" in (result.reason or "")
    assert "--accept-deletes" in (result.reason or "")


def test_accepting_deletes_nothing_that_the_api_has_by_id(at: Bench) -> None:
    pattern = at.state("block_list_entries")[0]
    records = [{**pattern, "id": f"0199aaaa-0000-7000-8000-{n:012x}"} for n in range(600)]
    at.mutate({"op": "insert", "collection": "block_list_entries", "records": records})
    at.sync("block_list_entries")
    at.mutate(*({"op": "delete", "collection": "block_list_entries", "id": r["id"]} for r in records[300:]))
    hides(at, "block_list_entries", *(r["id"] for r in records))
    assert stream_result(at.sync("block_list_entries"), "block_list_entries").held_deletes > 300
    at.sync("block_list_entries", accept_deletes=True)
    assert_mirrors(at, ("block_list_entries",))


def test_an_answer_by_id_in_an_envelope_is_one(at: Bench) -> None:
    at.sync("custom_tags")
    shown, hidden = at.state("custom_tags")[:2]
    at.fault(PATHS["custom_tags"], "status", status=200, body={"items": [shown]})
    for tag in (shown, hidden):
        at.fault(f"{PATHS['custom_tags']}/{tag['id']}", "status", status=200, body={"data": tag})
    assert "ended early" in (stream_result(at.sync("custom_tags"), "custom_tags").reason or "")
    assert_mirrors(at, ("custom_tags",))


def test_a_list_with_an_entry_that_is_no_record_releases_nothing_that_is_held(at: Bench) -> None:
    filled(at, "api_keys")
    at.sync("api_keys")
    no_questions_by_id(at, "api_keys", status=403)
    shown = at.state("api_keys")[:90]
    at.fault(PATHS["api_keys"], "status", status=200, body={"items": shown}, times=2)
    at.fault(PATHS["api_keys"], "status", status=200, body={"items": [*shown, "no record"]})
    assert stream_result(at.sync("api_keys"), "api_keys").held_deletes == 40
    assert stream_result(at.sync("api_keys", accept_deletes=True), "api_keys").held_deletes == 40
    assert len(at.alive("api_keys")) == NUMBER

"""What goes wrong on the way is retried, resumed or reported; nothing known is taken for deleted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from instantly_pipeline.errors import UsageError
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.engine import World, sync
from instantly_pipeline.sync.results import Outcome, Request
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

pytestmark = pytest.mark.medium

LEADS = "/api/v2/leads/list"
NO_ITEMS: dict[str, Any] = {"kind": "status", "status": 200, "body": {"items": []}}


def lead_pages(at: Bench) -> list[str | None]:
    """The cursors the leads were asked for with, in order."""
    return [r.get("starting_after") for r in at.requests() if r["path"] == LEADS]


def ended(report: object, stream: str) -> tuple[Outcome, int]:
    result = stream_result(report, stream)  # type: ignore[arg-type]
    return result.outcome, report.exit_code  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["status", "reset", "truncate", "bad_json", "html", "empty", "cloudflare_1010"])
def test_a_passing_fault_is_retried(at: Bench, kind: str) -> None:
    at.fault("*", kind, times=3, skip=2)
    report = at.sync()
    assert report.exit_code == 0
    assert report.workspaces[0].retries == 3
    assert_mirrors(at)


class Narrow(httpx.AsyncBaseTransport):
    """A wire whose answers from some paths no memory holds."""

    def __init__(self, *paths: str) -> None:
        self._wire = httpx.AsyncHTTPTransport(verify=False)
        self._paths = paths

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path in self._paths:
            raise MemoryError
        return await self._wire.handle_async_request(request)

    async def aclose(self) -> None:
        await self._wire.aclose()


def test_an_answer_that_memory_is_too_small_for_costs_its_stream_alone_and_is_named(at: Bench) -> None:
    world = World(clock=at.clock, sizes=at.sizes, transport=lambda: Narrow("/api/v2/accounts"))
    report = asyncio.run(sync(at.settings(), Request(("accounts", "campaigns")), world=world))
    assert ended(report, "campaigns") == (Outcome.OK, 3)
    result = stream_result(report, "accounts")
    assert result.outcome is Outcome.FAILED
    assert "GET /api/v2/accounts: not enough memory for its answer" in (result.reason or "")


def test_a_minute_of_429_is_waited_for(at: Bench) -> None:
    at.fault("*", "status", status=429, times=6, skip=4)
    report = at.sync()
    assert (report.exit_code, report.workspaces[0].responses_429) == (0, 6)
    assert_mirrors(at)


def test_a_stream_that_keeps_failing_ends_alone(at: Bench) -> None:
    at.sync()
    at.fault("/api/v2/lead-lists", "status", status=500)
    report = at.sync()
    assert ended(report, "lead_lists") == (Outcome.FAILED, 3)
    assert {s.outcome for s in report.workspaces[0].streams if s.stream != "lead_lists"} == {Outcome.OK}
    assert_mirrors(at)


def test_a_refused_stream_is_skipped_and_its_rows_stay(at: Bench) -> None:
    at.sync()
    at.post("/switches", {"key_scopes": {at.key: ["workspaces:read", "campaigns:read", "leads:read", "api_keys:read"]}})
    report = at.sync()
    assert ended(report, "accounts") == (Outcome.SKIPPED, 3)
    assert ended(report, "leads") == (Outcome.OK, 3)
    assert "accounts:read" in (stream_result(report, "accounts").reason or "")
    assert_mirrors(at)


def test_a_key_that_may_not_read_the_workspace_is_known_by_its_records(at: Bench) -> None:
    at.post("/switches", {"key_scopes": {at.key: ["campaigns:read"]}})
    report = at.sync("campaigns")
    assert report.workspaces[0].workspace_id == at.control.get("/state").json()["workspaces"][0]["id"]
    assert report.exit_code == 0


def test_a_key_that_may_read_none_of_the_records_that_name_a_workspace_is_told_which_scope_it_needs(at: Bench) -> None:
    at.post("/switches", {"key_scopes": {at.key: ["custom_tags:read"]}})
    report = at.sync("custom_tags")
    assert report.exit_code == 1
    assert "scope all:read" in (report.workspaces[0].reason or "")


def test_without_a_record_that_names_the_workspace_the_key_needs_the_scope_for_it(tmp_path: Path) -> None:
    config = SandboxConfig(leads=0, campaigns=0, accounts=0, days=10, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.post("/switches", {"key_scopes": {at.key: ["campaigns:read", "accounts:read", "leads:read"]}})
        report = at.sync("campaigns")
        assert report.exit_code == 1
        assert "workspaces:read" in (report.workspaces[0].reason or "")


def test_a_rejected_key_stops_its_workspace_only(tmp_path: Path) -> None:
    config = SandboxConfig(leads=80, campaigns=2, accounts=2, days=10, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        both = at.sync(settings={"api_keys": json.dumps({"good": at.key, "bad": "revoked-key"})})
        assert {w.name: w.outcome for w in both.workspaces} == {"good": Outcome.OK, "bad": Outcome.FAILED}
        assert both.exit_code == 3
        alone = at.sync(settings={"api_key": "revoked-key"})
        assert alone.exit_code == 1
        assert "revoked-key" not in repr(alone)


def test_a_key_revoked_midway_keeps_what_was_read(at: Bench) -> None:
    at.fault("/api/v2/campaigns/analytics/steps", "status", status=401)
    report = at.sync()
    assert report.exit_code == 1
    assert len(at.alive("campaigns")) == len(at.state("campaigns"))
    assert [row["outcome"] for row in at.log("sync_runs")] == ["running", "failed"]


def test_a_workspace_without_a_plan_is_reported(at: Bench) -> None:
    at.post("/switches", {"key_status": {at.key: 402}})
    report = at.sync()
    assert report.exit_code == 1
    assert "plan" in (report.workspaces[0].reason or "")


def test_two_keys_of_one_workspace_are_synced_once(tmp_path: Path) -> None:
    config = SandboxConfig(leads=80, campaigns=2, accounts=2, days=10, rate_limited=False, now=NOON, extra_keys=("k2",))
    with bench(tmp_path / "data", config) as at:
        report = at.sync(settings={"api_keys": json.dumps({"a": at.key, "b": "k2"})})
        assert sorted(w.outcome for w in report.workspaces) == [Outcome.OK, Outcome.SKIPPED]
        assert_mirrors(at)


def test_a_name_is_not_given_to_another_workspace_and_a_new_key_goes_on(tmp_path: Path) -> None:
    config = SandboxConfig(
        leads=80, campaigns=2, accounts=2, days=10, rate_limited=False, now=NOON, workspaces=2, extra_keys=("new-key",)
    )
    with bench(tmp_path / "data", config) as at:
        at.sync("campaigns", settings={"api_keys": json.dumps({"acme": at.key})})
        with pytest.raises(UsageError, match="belongs to"):
            at.sync("campaigns", settings={"api_keys": json.dumps({"acme": f"{at.key}-2"})})
        (at.layout.lake / "workspaces.json").write_text("[")  # and lost, it is found again in what past runs noted
        with pytest.raises(UsageError, match="belongs to"):
            at.sync("campaigns", settings={"api_keys": json.dumps({"acme": f"{at.key}-2"})})
        again = at.sync("campaigns", settings={"api_keys": json.dumps({"acme": "new-key"})})
        assert stream_result(again, "campaigns").changes.inserted == 0


def test_data_of_one_api_is_not_mixed_with_anothers(at: Bench) -> None:
    at.sync("campaigns")
    with pytest.raises(UsageError, match="INSTANTLY_DATA_DIR"):
        at.sync("campaigns", settings={"base_url": "https://api.instantly.ai"})


def test_a_sweep_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    config = SandboxConfig(leads=6_200, campaigns=3, accounts=2, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.fault(LEADS, "status", status=500, skip=58)
        assert ended(at.sync("leads"), "leads")[0] is Outcome.FAILED
        landed = len(at.alive("leads"))
        assert 5_000 < landed < 6_200
        at.control.request("DELETE", "/faults")
        at.forget_requests()
        assert at.sync("leads").exit_code == 0
        assert len(lead_pages(at)) < 30
        assert_mirrors(at, ("leads",))
        assert all(row["_op"] == "upsert" for row in at.rows("leads"))


def test_an_old_checkpoint_is_not_resumed(tmp_path: Path) -> None:
    config = SandboxConfig(leads=5_500, campaigns=3, accounts=2, days=20, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", config) as at:
        at.fault(LEADS, "status", status=500, skip=52)
        at.sync("leads")
        at.control.request("DELETE", "/faults")
        at.advance(hours=25)
        at.forget_requests()
        at.sync("leads")
        assert lead_pages(at)[0] is None
        assert_mirrors(at, ("leads",))


def test_a_list_of_leads_that_ends_early_deletes_nothing(at: Bench) -> None:
    at.sync("leads")
    at.fault(LEADS, **NO_ITEMS, skip=1, times=1)
    report = at.sync("leads")
    assert ended(report, "leads") == (Outcome.FAILED, 3)
    assert "ended early" in (stream_result(report, "leads").reason or "")
    assert at.sync("leads").exit_code == 0
    assert_mirrors(at, ("leads",))


def test_an_emptied_list_is_read_twice_then_held_and_let_through_on_demand(at: Bench) -> None:
    at.sync()
    tags = at.state("custom_tags")
    at.fault("/api/v2/custom-tags", **NO_ITEMS)
    at.fault("/api/v2/custom-tags/{id}", "status", status=404)
    report = at.sync("custom_tags")
    assert ended(report, "custom_tags") == (Outcome.HELD, 3)
    assert stream_result(report, "custom_tags").held_deletes == len(tags)
    assert len(at.alive("custom_tags")) == len(tags)
    assert {row["state"] for row in at.log("held_deletes")} == {"held"}
    assert at.sync("custom_tags", accept_deletes=True).exit_code == 0
    assert at.alive("custom_tags") == {}
    assert {row["state"] for row in at.log("held_deletes")} == {"held", "released"}


def test_one_empty_answer_is_not_believed(at: Bench) -> None:
    at.sync()
    at.fault("/api/v2/custom-tags", **NO_ITEMS, times=1)
    assert at.sync("custom_tags").exit_code == 0
    assert_mirrors(at, ("custom_tags",))


def test_a_wiped_out_list_of_leads_is_held(at: Bench) -> None:
    at.sync("leads")
    known = at.alive("leads")
    at.fault(LEADS, **NO_ITEMS)
    report = at.sync("leads")
    assert ended(report, "leads") == (Outcome.HELD, 3)
    assert at.alive("leads") == known


def test_leads_the_list_leaves_out_but_knows_by_id_stay(at: Bench) -> None:
    """Rows that vanish between two pages while the list is read."""
    at.sync("leads")
    at.post("/switches", {"delete_during_crawl": ["leads"]})
    at.sync("leads")
    at.control.request("DELETE", "/switches")
    at.sync("leads")
    assert_mirrors(at, ("leads",))


@pytest.mark.whole
@pytest.mark.parametrize(
    "switches",
    [
        {"trailing_cursor": "always"},
        {"trailing_cursor": "never"},
        {"short_pages": True},
        {"duplicate_rows": True},
        {"insert_during_crawl": ["leads"]},
        {"unknown_field": True, "unknown_enum": True},
        {"step_text_null": True, "step_numbers": True},
        {"full_timestamps": False},
        {"end_date_inclusive": False},
        {"max_account_emails": 2},
        {"omit_nulls": False},
        {"account_order": "asc"},
        {"limit_above_100": "empty"},
    ],
    ids=",".join,
)
def test_the_mirror_is_exact_however_the_server_behaves(at: Bench, switches: dict[str, object]) -> None:
    at.post("/switches", switches)
    assert at.sync().exit_code == 0
    if "insert_during_crawl" in switches:
        at.control.request("DELETE", "/switches")
        at.sync()
    assert_mirrors(at)
    steps, days = at.alive("step_analytics").values(), at.alive("daily_analytics").values()
    assert sum(row["sent"] for row in steps) == sum(row["sent"] for row in days) > 0


@pytest.mark.parametrize("switch", ["repeat_cursor", "cursor_loop"])
def test_a_list_that_goes_in_circles_is_an_error_not_an_end(at: Bench, switch: str) -> None:
    at.sync()
    at.post("/switches", {switch: ["leads"]})
    report = at.sync("leads")
    assert ended(report, "leads")[0] is Outcome.FAILED
    assert_mirrors(at, ("leads",))


def test_wrong_types_are_kept_and_noted(at: Bench) -> None:
    leads = [row["id"] for row in at.state("leads")][:4]
    odd = ({"phone": {"a": 1}}, {"email_open_count": "12"}, {"email_open_count": "\\N"}, {"company_name": "\\N"})
    at.mutate(*({"op": "update", "collection": "leads", "id": i, "set": s} for i, s in zip(leads, odd, strict=True)))
    assert at.sync("leads").exit_code == 0
    stored = [at.alive("leads")[json.dumps([lead])] for lead in leads]
    assert (stored[0]["phone"], json.loads(stored[0]["extra"])["phone"]) == (None, {"a": 1})
    assert stored[1]["email_open_count"] == 12
    assert (stored[2]["email_open_count"], json.loads(stored[2]["extra"])["email_open_count"]) == (None, "\\N")
    assert stored[3]["company_name"] == "\\N"
    noted = {(row["key"], row["column"], row["found_type"]) for row in at.log("quarantine")}
    keys = [json.dumps([lead]) for lead in leads]
    assert noted == {
        (keys[0], "phone", "object"), (keys[1], "email_open_count", "text"), (keys[2], "email_open_count", "text"),
    }  # fmt: skip


def test_of_an_oddity_in_every_record_a_thousand_are_named_and_the_others_counted(tmp_path: Path) -> None:
    world = SandboxConfig(leads=1_100, campaigns=2, accounts=2, rate_limited=False, now=NOON)
    with bench(tmp_path / "data", world) as at:
        leads = [row["id"] for row in at.state("leads")]
        at.mutate(*({"op": "update", "collection": "leads", "id": one, "set": {"phone": []}} for one in leads))
        assert at.sync("leads").exit_code == 0
        noted = [row for row in at.log("quarantine") if row["column"] == "phone"]
    assert sum(row["occurrences"] for row in noted) == len(leads)
    assert sum(row["key"] is not None for row in noted) == 1_000


def test_a_record_without_a_key_is_rejected_and_deletes_nothing(at: Bench) -> None:
    at.sync("custom_tags")
    tag = at.state("custom_tags")[0]["id"]
    at.mutate({"op": "update", "collection": "custom_tags", "id": tag, "set": {"id": None}})
    report = at.sync("custom_tags")
    assert json.dumps([tag]) in at.alive("custom_tags")
    assert stream_result(report, "custom_tags").changes.deleted == 0
    assert len(at.log("rejected")) == 1


def test_new_fields_and_numbers_are_noted_as_drift(at: Bench) -> None:
    at.post("/switches", {"unknown_field": ["campaigns"], "unknown_enum": ["campaigns"]})
    at.sync("campaigns")
    kinds = {row["kind"].split(" <")[0] for row in at.log("schema_drift") if row["stream"] == "campaigns"}
    assert "new field" in kinds
    assert any(kind.startswith("new value") for kind in kinds)


def test_a_child_alone_reads_its_parents_first_and_says_so(at: Bench) -> None:
    report = at.sync("step_analytics")
    assert {s.stream for s in report.workspaces[0].streams} == {
        "campaigns", "campaign_analytics", "daily_analytics", "step_analytics",
    }  # fmt: skip
    assert any("so that is read first" in text for text in at.said)
    again = at.sync("step_analytics")
    assert [s.stream for s in again.workspaces[0].streams] == ["step_analytics"]


def test_steps_are_bounded_per_run_newest_first_and_go_on(at: Bench) -> None:
    few = {"max_requests_per_minute": 1}  # kept with nine in ten minutes, so nine campaign-days
    first = at.sync("step_analytics", settings=few)
    result = stream_result(first, "step_analytics")
    assert (result.outcome, first.exit_code) == (Outcome.PARTIAL, 0)
    days = {row["date"] for row in at.alive("daily_analytics").values()}
    read = {row["date"] for row in at.alive("step_analytics").values()}
    assert read < days
    assert min(read) > min(days)
    [workspace] = at.plan("step_analytics", settings=few).workspaces
    assert workspace.plan is not None
    assert workspace.plan.costs[-1].requests == 9
    assert stream_result(at.sync("step_analytics", settings=few), "step_analytics").requests == 9
    assert at.sync("step_analytics", full=True).exit_code == 0
    assert {row["date"] for row in at.alive("step_analytics").values()} == days


def test_no_secret_reaches_a_file(at: Bench) -> None:
    at.post("/switches", {"unknown_field": True})
    at.sync("all")
    assert any("SECRET" in str(row["key"]) for row in at.state("api_keys"))
    for path in at.data_dir.rglob("*"):
        if path.is_file():
            assert b"SECRET" not in path.read_bytes()
            assert at.key.encode() not in path.read_bytes()
    for stream in all_streams():
        assert "SECRET" not in str(at.rows(stream))
    for log in ("quarantine", "rejected", "stream_status", "sync_runs"):
        assert "SECRET" not in str(at.log(log))

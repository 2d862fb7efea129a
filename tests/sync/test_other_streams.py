"""The streams outside the group `core`: what was synced equals what the API says, and when each part is asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from instantly_pipeline.streams.model import Read
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.results import Outcome, WorkspaceResult
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, OTHER_LISTS, Bench, assert_mirrors, assert_same, bench, stream_result

pytestmark = pytest.mark.medium

WORLD = SandboxConfig(leads=350, campaigns=7, accounts=8, days=20, rate_limited=False, now=NOON)
PER_PARENT = [s for s in all_streams().values() if s.read in (Read.PER_PARENT, Read.ACCOUNT_MAPPINGS)]
ESTIMATED = {"emails", "webhook_events", "webhook_deliveries"}  # how many there are is not known before
Row = dict[str, Any]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "data", WORLD) as made:
        yield made


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A world that stands still, read twice with all streams."""
    config = replace(WORLD, workspaces=2)  # of one group
    with bench(tmp_path_factory.mktemp("others") / "data", config) as made:
        assert made.sync("all").exit_code == 0
        yield made


def answer(at: Bench, path: str, **params: str) -> Any:
    """What the API says to one request; of a list, the items of all pages."""
    headers = {"Authorization": f"Bearer {at.key}", "User-Agent": "test"}
    with httpx.Client(base_url=at.url, headers=headers, verify=False) as client:
        found: list[Row] = []
        while True:
            said = client.get(path, params=params).raise_for_status().json()
            if not isinstance(said, dict) or "items" not in said:
                return said
            found += said["items"]
            if not said["items"] or "next_starting_after" not in said:
                return found
            params["starting_after"] = said["next_starting_after"]


def planned(workspace: WorkspaceResult) -> dict[str, int]:
    """Requests by stream as planned, of the streams whose cost can be known."""
    assert workspace.plan is not None
    return {cost.stream: cost.requests for cost in workspace.plan.costs[1:] if cost.stream not in ESTIMATED}


def spent(workspace: WorkspaceResult) -> dict[str, int]:
    """The same as sent."""
    return {s.stream: s.requests for s in workspace.streams if s.stream not in ESTIMATED}


def expected(at: Bench, stream: str) -> list[Row]:
    """The records of a stream that is asked for by parent, as the API has them now."""
    declared = all_streams()[stream]
    parent = declared.parent
    assert parent is not None
    found = []
    for value in dict.fromkeys(str(row[parent.column]) for row in answer(at, all_streams()[parent.stream].path)):
        path, _, tail = declared.path.partition("{")
        path = declared.path if not tail else f"{path}{value}{tail.partition('}')[2]}"
        params = {parent.param: value, "limit": "100"} if parent.param and declared.cursor else {}
        said = answer(at, path, **(params or ({parent.param: value} if parent.param else {})))
        records = said if isinstance(said, list) else [said]
        made = declared.rows(records[0]) if declared.rows else records
        found += [{**row, parent.into: value} for row in made or []]
    return found


def asked(at: Bench, stream: str) -> list[Row]:
    """The requests of a stream."""
    path = all_streams()[stream].path.partition("{")
    return [r for r in at.requests() if r["path"].startswith(path[0]) and (bool(path[1]) == (r["path"] != path[0]))]


def test_every_list_is_mirrored(box: Bench) -> None:
    assert_mirrors(box, OTHER_LISTS)


@pytest.mark.parametrize("stream", [stream.name for stream in PER_PARENT])
def test_what_is_asked_for_by_parent_is_what_the_api_says_about_each(box: Bench, stream: str) -> None:
    key = all_streams()[stream].key
    stored = {tuple(row[name] for name in key): row for row in box.alive(stream).values()}
    sent = {tuple(row.get(name) for name in key): row for row in expected(box, stream)}
    assert stored.keys() == sent.keys()
    assert stored or stream == "subsequence_step_analytics"
    for place, record in sent.items():
        assert_same(stream, record, stored[place])


def test_the_plan_of_a_workspace_has_its_terms_as_columns(box: Bench) -> None:
    [row] = box.alive("workspace_billing").values()
    said = answer(box, "/api/v2/workspace-billing/plan-details")
    outreach = said["subscriptions"]["outreach"]
    assert (row["plan_name"], row["total_lead_limit"], row["current_lead_count"]) == tuple(
        outreach[name] for name in ("plan_name", "total_lead_limit", "current_lead_count")
    )
    assert row["current_period_end"].timestamp() == outreach["current_period_end"]
    assert json.loads(row["subscriptions"]) == said["subscriptions"]


def test_a_second_sync_of_a_world_that_stood_still_writes_nothing_and_costs_what_was_planned(box: Bench) -> None:
    before = {name: len(box.rows(name)) for name in all_streams()}
    [workspace] = box.sync("all").workspaces
    assert {name: len(box.rows(name)) for name in all_streams()} == before
    assert workspace.plan is not None
    assert planned(workspace) == spent(workspace)
    assert not any(cost.is_estimate for cost in workspace.plan.costs if cost.stream not in ESTIMATED)


def test_a_full_sync_reads_everything_again_at_the_planned_cost(box: Bench) -> None:
    report = box.sync("all", full=True)
    [workspace] = report.workspaces
    found = spent(workspace)
    assert planned(workspace) == found
    assert found["lead_list_verification"] == len(box.alive("lead_lists"))
    assert found["account_campaign_mappings"] == len(box.alive("accounts"))


def test_the_address_of_a_webhook_is_its_origin_and_its_headers_are_nowhere(box: Bench) -> None:
    assert any(row.get("headers") for row in box.state("webhooks"))
    assert {row["target_hook_url"] for row in box.alive("webhooks").values()} == {"https://hooks.example"}
    for path in box.data_dir.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            assert b"hk-sandbox" not in text
            assert b"/in/replies" not in text
    assert "headers" not in str(box.rows("webhooks"))


def test_after_a_week_of_activity_and_deletions_an_ordinary_sync_is_exact_again(at: Bench) -> None:
    at.sync("all")
    subsequence = at.state("subsequences")[0]
    at.mutate(
        {"op": "delete_campaign", "id": subsequence["parent_campaign"]},
        {"op": "delete_account", "email": at.state("accounts")[0]["email"]},
        {"op": "delete", "collection": "custom_tags", "id": at.state("custom_tags")[0]["id"]},
    )
    at.advance(days=8)
    report = at.sync("all")
    assert report.exit_code == 0, [(s.stream, s.reason) for w in report.workspaces for s in w.streams if s.reason]
    assert_mirrors(at, OTHER_LISTS)
    for stream in (one.name for one in PER_PARENT):
        key = all_streams()[stream].key
        stored = {tuple(row[name] for name in key): row for row in at.alive(stream).values()}
        for record in expected(at, stream):
            assert_same(stream, record, stored[tuple(record.get(name) for name in key)])


# --- increments


def test_an_hour_later_a_list_is_read_as_far_as_it_is_known_and_a_day_later_whole(at: Bench) -> None:
    at.sync("custom_tag_mappings")
    at.wait(hours=1)
    added = at.state("accounts")[0] | {"email": "new@added.example", "timestamp_created": NOON.isoformat()}
    at.mutate({"op": "insert", "collection": "accounts", "record": added})
    at.sync("custom_tag_mappings")
    assert_mirrors(at, ("custom_tag_mappings",))
    gone = next(row for row in at.state("custom_tag_mappings") if row["resource_type"] == 1)
    at.mutate({"op": "delete_account", "email": gone["resource_id"]})
    at.wait(hours=1)
    at.sync("custom_tag_mappings")
    assert len(at.alive("custom_tag_mappings")) == len(at.state("custom_tag_mappings")) + 1
    at.wait(days=1)
    at.sync("custom_tag_mappings")
    assert_mirrors(at, ("custom_tag_mappings",))


def test_a_mapping_is_deleted_once_the_answer_by_its_resource_lacks_it(at: Bench) -> None:
    at.sync("custom_tag_mappings")
    accounts = [row["resource_id"] for row in at.state("custom_tag_mappings") if row["resource_type"] == 1]
    at.mutate(*({"op": "delete_account", "email": email} for email in accounts))
    report = at.sync("custom_tag_mappings", full=True)
    assert stream_result(report, "custom_tag_mappings").outcome is Outcome.OK
    assert stream_result(report, "custom_tag_mappings").changes.deleted == len(accounts) > 3
    assert_mirrors(at, ("custom_tag_mappings",))


def test_a_list_of_mappings_that_ends_early_deletes_nothing(at: Bench) -> None:
    at.sync("custom_tag_mappings")
    before = at.alive("custom_tag_mappings").keys()
    at.fault("/api/v2/custom-tag-mappings", "status", status=200, times=1, body={"items": []})
    at.sync("custom_tag_mappings", full=True)
    assert at.alive("custom_tag_mappings").keys() == before
    assert any("missing from the list: reading it again" in said for said in at.said)


def test_the_audit_log_is_read_from_the_day_before_its_newest_entry(at: Bench) -> None:
    at.sync("audit_logs")
    newest = max(row["timestamp"] for row in at.alive("audit_logs").values())
    at.forget_requests()
    at.advance(hours=30)
    lead = at.state("leads")[0]["id"]
    at.mutate({"op": "delete_lead", "id": lead})
    at.sync("audit_logs")
    [request] = asked(at, "audit_logs")
    assert (request["start_date"], request["limit"]) == (
        f"{newest - timedelta(days=1):%Y-%m-%d}", "1000",
    )  # fmt: skip
    assert_mirrors(at, ("audit_logs",))


def test_a_server_that_ignores_the_date_is_read_as_far_as_the_log_is_known(at: Bench) -> None:
    at.sync("audit_logs")
    at.wait(hours=1)
    entry = {"organization_id": "o", "ip_address": "203.0.113.9", "from_api": True, "activity_type": 1}
    for number in range(8):
        items = [entry | {"id": f"x{number}", "timestamp": f"2026-05-{31 - 2 * number:02}T10:00:00.000Z"}]
        page = {"items": items, "next_starting_after": f"x{number}"}
        at.fault("/api/v2/audit-logs", "status", status=200, times=1, body=page)
    at.forget_requests()
    at.sync("audit_logs")
    assert len(asked(at, "audit_logs")) == 2


def test_an_entry_from_the_future_does_not_make_each_sync_read_the_whole_log(at: Bench) -> None:
    entry = {"organization_id": "o", "ip_address": "203.0.113.9", "from_api": True, "activity_type": 1}
    times = ("2099-01-01T00:00:00.000Z", "2026-05-31T10:00:00.000Z")
    items = [entry | {"id": when[:4], "timestamp": when} for when in times]
    at.fault("/api/v2/audit-logs", "status", status=200, body={"items": items})
    at.sync("audit_logs")
    at.forget_requests()
    at.sync("audit_logs")
    assert [request["start_date"] for request in asked(at, "audit_logs")] == ["2026-05-30"]


def test_secrets_in_the_details_of_audit_log_and_jobs_are_not_stored(at: Bench) -> None:
    when = "2026-05-31T10:00:00.000Z"
    details = {"headers": {"Authorization": "s3cret-1"}, "account": {"imap_password": "s3cret-2"}, "name": "kept"}
    entry = {"id": "x", "organization_id": "o", "ip_address": "203.0.113.9", "from_api": True, "activity_type": 18}
    job = {"id": "b" * 24, "workspace": "o", "type": "t", "status": "success", "progress": 100, "created_at": when}
    logged = {"items": [{**entry, "timestamp": when, "audit_metadata": details}]}
    at.fault("/api/v2/audit-logs", "status", status=200, body=logged)
    jobs = {"items": [{**job, "updated_at": when, "data": details}]}
    at.fault("/api/v2/background-jobs", "status", status=200, body=jobs)
    at.sync("audit_logs", "background_jobs")
    [logged_row], [job_row] = at.rows("audit_logs"), at.rows("background_jobs")
    assert json.loads(logged_row["audit_metadata"])["name"] == json.loads(job_row["data"])["name"] == "kept"
    assert not [path for path in at.data_dir.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


@pytest.mark.parametrize(
    ("stream", "path", "column"),
    [
        ("inbox_placement_tests", "inbox-placement-tests", "automations"),
        ("inbox_placement_analytics", "inbox-placement-analytics", "authentication_failure_results"),
        ("inbox_placement_reports", "inbox-placement-reports", "blacklist_report"),
        ("workspace_billing", "workspace-billing/plan-details", "addons"),
        ("workspace_members", "workspace-members", "permissions"),
        ("audit_logs", "audit-logs", "audit_metadata"),
        ("background_jobs", "background-jobs", "data"),
    ],
)
def test_no_secret_in_a_json_column_of_what_instantly_itself_writes_is_stored(
    at: Bench, stream: str, path: str, column: str
) -> None:
    at.sync("inbox_placement_tests")
    shown = httpx.get(f"{at.url}/api/v2/{path}", params={"test_id": at.state("inbox_placement_tests")[0]["id"]},
                      headers={"authorization": f"Bearer {at.key}", "user-agent": "tests/1"}).json()  # fmt: skip
    secret = {"headers": {"X-Plain": "s3cret-1"}, "deep": [{"token": "s3cret-2", "apiKey": "s3cret-3"}],
              "imap": {"password": "s3cret-4"}, "name": "kept"}  # fmt: skip
    is_list = "items" in shown
    body = {"items": [shown["items"][0] | {column: secret}]} if is_list else shown | {column: secret}
    at.fault(f"/api/v2/{path}", "status", status=200, body=body)
    at.sync(stream)
    assert any((row[column] or "").count('"name":"kept"') for row in at.rows(stream))
    assert not [path for path in at.data_dir.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


def test_a_job_that_went_on_is_a_new_version(at: Bench) -> None:
    at.advance(days=3)
    at.sync("background_jobs")
    at.advance(days=1)
    at.sync("background_jobs")
    assert_mirrors(at, ("background_jobs",))
    assert max(Counter(row["_key"] for row in at.rows("background_jobs")).values()) == 2


# --- by parent


def test_what_is_due_once_a_day_is_asked_for_once_a_day_and_spread_over_it(at: Bench) -> None:
    lists = len(at.state("lead_lists"))
    at.sync("lead_list_verification")
    at.forget_requests()
    by_hour: list[int] = []
    for _ in range(24):
        at.wait(hours=1)
        at.sync("lead_list_verification")
        by_hour.append(len(asked(at, "lead_list_verification")) - sum(by_hour))
    assert sum(by_hour) == lists
    assert max(by_hour) < lists


def test_a_campaign_is_diagnosed_when_its_status_changes_and_once_a_day_while_it_is_to_send(at: Bench) -> None:
    at.sync("campaigns", "campaign_sending_status")
    campaigns = at.state("campaigns")
    at.wait(hours=1)
    paused = next(row["id"] for row in campaigns if row["status"] == 1)
    at.mutate({"op": "update", "collection": "campaigns", "id": paused, "set": {"status": 2}})
    at.forget_requests()
    at.sync("campaigns", "campaign_sending_status")
    assert paused in [r["path"].split("/")[-2] for r in asked(at, "campaign_sending_status")]
    assert at.alive("campaign_sending_status")[json.dumps([paused])]["status"] == "campaign_paused"
    for _ in range(2):
        at.wait(days=1)
        at.forget_requests()
        at.sync("campaigns", "campaign_sending_status")
    still = {row["id"] for row in at.state("campaigns") if row["status"] not in (0, 2, 3)}
    assert {r["path"].split("/")[-2] for r in asked(at, "campaign_sending_status")} == still


def test_an_account_is_asked_for_when_the_campaigns_name_it_otherwise_and_once_a_week(at: Bench) -> None:
    streams = ("campaigns", "accounts", "account_campaign_mappings")
    at.sync(*streams)
    accounts = at.state("accounts")
    campaign = next(row for row in at.state("campaigns") if row.get("email_list"))
    left, *rest = campaign["email_list"]
    at.mutate({"op": "update", "collection": "campaigns", "id": campaign["id"], "set": {"email_list": rest}})
    at.forget_requests()
    report = at.sync(*streams)
    assert {r["path"].split("/")[-1] for r in asked(at, "account_campaign_mappings")} == {left}
    assert stream_result(report, "account_campaign_mappings").changes.deleted == 1
    at.forget_requests()
    for _ in range(7):
        at.wait(days=1)
        at.sync(*streams)
    assert len(asked(at, "account_campaign_mappings")) == len(accounts)


def test_accounts_without_campaigns_that_still_name_them_are_held(at: Bench) -> None:
    streams = ("campaigns", "accounts", "account_campaign_mappings")
    at.sync(*streams)
    before = at.alive("account_campaign_mappings").keys()
    at.fault("/api/v2/account-campaign-mappings/{email}", "status", status=200, body={"items": []})
    report = at.sync(*streams, full=True)
    assert stream_result(report, "account_campaign_mappings").outcome is Outcome.HELD
    assert at.alive("account_campaign_mappings").keys() == before
    at.control.request("DELETE", "/faults")
    report = at.sync(*streams)
    assert stream_result(report, "account_campaign_mappings").outcome is Outcome.OK
    assert at.alive("account_campaign_mappings").keys() == before


@pytest.mark.parametrize("junk", [[None], ["junk", 7], [{"name": "no mapping"}], [{"campaign_id": None}]])
@pytest.mark.parametrize("keep_one", [True, False])
def test_an_answer_with_entries_that_are_no_mappings_deletes_none(at: Bench, junk: list[Any], keep_one: bool) -> None:
    streams = ("campaigns", "accounts", "account_campaign_mappings")
    at.sync(*streams)
    before = at.alive("account_campaign_mappings").keys()
    several = Counter(json.loads(key)[0] for key in before)
    email = several.most_common(1)[0][0]
    items = [{"campaign_id": json.loads(key)[1]} for key in before if json.loads(key)[0] == email][: int(keep_one)]
    path = f"/api/v2/account-campaign-mappings/{quote(email, safe='')}"
    for match in (path, path.replace("%40", "@")):
        at.fault(match, "status", status=200, body={"items": [*items, *junk]})
    at.sync(*streams, full=True)
    assert at.alive("account_campaign_mappings").keys() == before
    at.control.request("DELETE", "/faults")
    at.mutate({"op": "delete_account", "email": email})
    at.sync(*streams)
    assert at.alive("account_campaign_mappings").keys() == {key for key in before if json.loads(key)[0] != email}


def test_the_mappings_of_a_deleted_account_are_deleted(at: Bench) -> None:
    streams = ("campaigns", "accounts", "account_campaign_mappings")
    at.sync(*streams)
    email = next(row["email"] for row in at.alive("account_campaign_mappings").values())
    at.mutate({"op": "delete_account", "email": email})
    assert at.sync(*streams).exit_code == 0
    assert email not in {row["email"] for row in at.alive("account_campaign_mappings").values()}


def test_a_test_is_read_while_it_is_open_and_a_completed_one_once_more_a_day_later(at: Bench) -> None:
    at.sync("inbox_placement_tests", "inbox_placement_analytics")
    tests = {row["status"]: row["id"] for row in at.state("inbox_placement_tests")}
    read: dict[str, list[int]] = {one: [] for one in tests.values()}
    for hour in range(0, 96, 3):
        at.advance(hours=3)
        at.forget_requests()
        at.sync("inbox_placement_tests", "inbox_placement_analytics")
        for request in asked(at, "inbox_placement_analytics"):
            read[request["test_id"]].append(hour)
    assert len(read[tests[1]]) == 32
    assert len(read[tests[3]]) == 1
    stored = {row["id"] for row in at.alive("inbox_placement_analytics").values()}
    assert stored == {row["id"] for row in expected(at, "inbox_placement_analytics")}


def test_results_of_another_test_than_the_one_asked_for_are_not_taken_for_its_own(at: Bench) -> None:
    row = {"id": "r1", "test_id": "of-another", "timestamp_created": "2026-05-20T10:00:00.000Z"}
    at.fault("/api/v2/inbox-placement-analytics", "status", status=200, body={"items": [row]})
    report = at.sync("inbox_placement_analytics")
    assert stream_result(report, "inbox_placement_analytics").outcome is Outcome.FAILED
    assert at.alive("inbox_placement_analytics") == {}


def test_a_path_that_the_api_does_not_know_is_no_answer(at: Bench) -> None:
    unknown = {"message": "Route GET:/api/v2/campaigns/x/sending-status not found", "error": "Not Found"}
    at.fault("/api/v2/campaigns/{id}/sending-status", "status", status=404, body=unknown)
    report = at.sync("campaigns", "campaign_sending_status")
    assert "404 about each of 7 campaigns" in str(stream_result(report, "campaign_sending_status").reason)
    at.control.request("DELETE", "/faults")
    at.sync("campaigns", "campaign_sending_status")
    assert len(at.alive("campaign_sending_status")) == 7


def test_records_that_the_api_never_knew_do_not_fail_a_stream_that_others_were_read_of(at: Bench) -> None:
    campaigns = [row["id"] for row in at.state("campaigns")]
    at.mutate(*({"op": "update", "collection": "campaigns", "id": one, "set": {"status": 3}} for one in campaigns))
    for unknown in campaigns[:4]:
        at.fault(f"/api/v2/campaigns/{unknown}/sending-status", "status", status=404, body={"error": "Not Found"})
    for _ in range(2):  # the second time only these are due
        report = at.sync("campaigns", "campaign_sending_status")
        assert stream_result(report, "campaign_sending_status").outcome is Outcome.OK
    at.fault("/api/v2/campaigns/{id}/sending-status", "status", status=404, body={"error": "Not Found"})
    report = at.sync("campaigns", "campaign_sending_status", full=True)
    assert stream_result(report, "campaign_sending_status").outcome is Outcome.FAILED


@pytest.mark.parametrize("status", [402, 403])
@pytest.mark.parametrize("place", [0, 3])
def test_a_campaign_that_the_key_may_not_read_fails_alone(at: Bench, place: int, status: int) -> None:
    refused = sorted(row["id"] for row in at.state("campaigns"))[place]
    body = {"statusCode": status, "error": "Refused", "message": "not this one"}
    at.fault(f"/api/v2/campaigns/{refused}/sending-status", "status", status=status, body=body)
    result = stream_result(at.sync("campaigns", "campaign_sending_status"), "campaign_sending_status")
    assert result.outcome is Outcome.FAILED
    assert "1 of 7 requests failed" in str(result.reason)
    assert len(at.alive("campaign_sending_status")) == 6


@pytest.mark.parametrize("status", [402, 403])
def test_a_stream_of_which_the_key_may_read_no_campaign_is_skipped(at: Bench, status: int) -> None:
    body = {"statusCode": status, "error": "Refused", "message": "not any"}
    at.fault("/api/v2/campaigns/{id}/sending-status", "status", status=status, body=body)
    result = stream_result(at.sync("campaigns", "campaign_sending_status"), "campaign_sending_status")
    assert result.outcome is Outcome.SKIPPED


def test_a_list_of_other_parents_is_not_read_to_its_end(at: Bench) -> None:
    row = {"test_id": "of-another", "timestamp_created": "2026-05-20T10:00:00.000Z"}
    at.sync("inbox_placement_tests")
    for number in range(30):
        page = {"items": [row | {"id": f"r{number}"}], "next_starting_after": f"r{number}"}
        at.fault("/api/v2/inbox-placement-analytics", "status", status=200, times=1, body=page)
    at.forget_requests()
    at.sync("inbox_placement_analytics")
    assert len(asked(at, "inbox_placement_analytics")) == len(at.state("inbox_placement_tests"))


@pytest.mark.parametrize("odd", [7, True, {"address": "a@b.example"}, "a@b.example"])
def test_campaigns_whose_accounts_are_no_list_do_not_stop_the_reading_of_mappings(at: Bench, odd: object) -> None:
    items = [{**row, "email_list": odd, "email_tag_list": odd} for row in at.state("campaigns")]
    at.fault("/api/v2/campaigns", "status", status=200, body={"items": items})
    report = at.sync("campaigns", "accounts", "account_campaign_mappings")
    assert stream_result(report, "account_campaign_mappings").outcome is Outcome.OK


def test_a_server_that_lists_subsequences_by_campaign_only_is_read_so(at: Bench) -> None:
    refused = {"statusCode": 400, "error": "Bad Request", "message": "querystring must have parent_campaign"}
    at.fault("/api/v2/subsequences", "status", status=400, body=refused, times=1)
    assert at.sync("campaigns", "subsequences").exit_code == 0
    assert at.alive("subsequences")
    assert_mirrors(at, ("subsequences",))


def test_a_stream_that_the_key_may_not_read_is_skipped_and_the_others_are_read(at: Bench) -> None:
    at.post("/switches", {"stream_status": {"/api/v2/workspace-members": 403, "/api/v2/inbox-placement-tests": 402}})
    report = at.sync("all")
    outcomes = {s.stream: s.outcome for s in report.workspaces[0].streams}
    assert {name for name, outcome in outcomes.items() if outcome is not Outcome.OK} == {
        "workspace_members", "inbox_placement_tests",
    }  # fmt: skip
    assert report.exit_code == 3

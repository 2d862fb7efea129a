"""The seed profile answers as the older written description of the API says."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from instantly_sandbox.server import running
from tests.sandbox.conftest import Api, small


@pytest.fixture(scope="module")
def old() -> Iterator[Api]:
    with running(small(profile="seed")) as sandbox:
        api = Api(sandbox.url, sandbox.key)
        api.switch(rate_limits={"per_minute": 100_000, "per_second": 100_000, "headers": True})
        yield api
        api.http.close()


def test_lists_say_whether_there_is_more(old: Api) -> None:
    first = old.get("campaigns", limit=7)
    assert first["has_more"] is True
    rest = old.get("campaigns", limit=7, starting_after=first["next_starting_after"])
    assert rest["has_more"] is False
    assert len(old.leads()) == 600


def test_campaigns_have_flat_steps_named_days_and_three_statuses(old: Api) -> None:
    campaigns = old.items("campaigns")
    assert {c["status"] for c in campaigns} <= {1, 2, 3}
    started = next(c for c in campaigns if c["email_list"])
    assert started["sequences"][0]["steps"][0].keys() == {"subject", "body", "delay_days"}
    schedule = started["campaign_schedule"]["schedules"][0]
    assert schedule["timezone"] == "America/New_York"
    assert schedule["days"] == dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), True)


def test_leads_have_the_other_names_and_scalar_variables(old: Api) -> None:
    leads = old.leads()
    assert all("payload" not in lead and "lt_interest_status" not in lead for lead in leads)
    assert {"interest_status", "last_contacted_timestamp", "last_touch_timestamp", "uploaded_by"} <= leads[0].keys()
    assert any(lead["last_replied_timestamp"] for lead in leads)
    assert {lead["interest_status"] for lead in leads} > {None, -1}
    values = [v for lead in leads for v in lead["custom_variables"].values()]
    assert not any(isinstance(v, dict | list) for v in values)
    assert all(isinstance(lead["status_summary"], str | None) for lead in leads)
    assert any(lead["phone"] is None for lead in leads)


def test_accounts_carry_secrets_and_the_other_names(old: Api) -> None:
    for account in old.items("accounts"):
        assert account["imap_password"].startswith("pw-sandbox-SECRET-")
        assert account["smtp_password"].startswith("pw-sandbox-SECRET-")
        assert account["provider_code"] in (1, 2, 3, 4)
        assert {"organization_id", "warmup_started_timestamp", "last_used_timestamp", "email_gap"} <= account.keys()
        assert "organization" not in account


def test_api_keys_carry_their_secret_in_both_profiles(old: Api, still: Api) -> None:
    for api in (old, still):
        keys = api.items("api-keys")
        assert len(keys) == 4
        assert all(k["key"].startswith("sk-sandbox-SECRET-") for k in keys)


def test_the_workspace_and_tags_have_the_other_names(old: Api) -> None:
    workspace = old.get("workspaces/current")
    assert workspace["organization_id"] == workspace["id"]
    assert all({"name", "color"} <= tag.keys() and "label" not in tag for tag in old.items("custom-tags"))


def test_figures_have_the_older_fields_only(old: Api) -> None:
    row = old.get("campaigns/analytics")[0]
    assert len(row) == 16
    assert "open_count_unique" not in row
    assert len(old.get("campaigns/analytics/overview")) == 20
    assert old.get("campaigns/analytics/daily")[0].keys() == {
        "date",
        "sent",
        "opened",
        "unique_opened",
        "replies",
        "unique_replies",
        "clicks",
        "unique_clicks",
    }
    assert all(s["step"] is not None for s in old.get("campaigns/analytics/steps"))


def test_warmup_is_a_flat_map(old: Api) -> None:
    email = old.items("accounts")[0]["email"]
    days = old.post("accounts/warmup-analytics", {"emails": [email]})[email]
    assert all(day.keys() == {"sent", "landed_inbox", "landed_spam", "received"} for day in days.values())


def test_ids_are_joined_by_commas(old: Api) -> None:
    keys = [r["campaign_id"] for r in old.get("campaigns/analytics")][:3]
    assert [r["campaign_id"] for r in old.get("campaigns/analytics", ids=",".join(keys))] == keys


def test_filters_lie_under_filters(old: Api) -> None:
    leads = old.leads()
    campaign = leads[0]["campaign"] or next(r["campaign"] for r in leads if r["campaign"])
    found = old.leads(filters={"campaign": campaign, "status": 3})
    assert found == [r for r in leads if r["campaign"] == campaign and r["status"] == 3]


def test_errors_are_nested(old: Api) -> None:
    for path, status, code in (
        ("campaigns?limit=101", 400, "VALIDATION_ERROR"),
        ("leads/0199aaaa-0000-7000-8000-000000000001", 404, "NOT_FOUND"),
        ("nothing", 404, "NOT_FOUND"),
    ):
        answer = old.http.get(f"/api/v2/{path}")
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"]["message"]


def test_rate_headers_are_sent_and_about_a_hundred_a_minute_is_the_limit(make: Callable[..., Any]) -> None:
    api = make(profile="seed", rate_limited=True, leads=10)
    answers = [api.http.get("/api/v2/workspaces/current") for _ in range(102)]
    assert [a.status_code for a in answers] == [200] * 100 + [429] * 2
    assert answers[0].headers["x-ratelimit-limit"] == "100"
    assert answers[0].headers["x-ratelimit-remaining"] == "99"
    assert answers[-1].json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"

"""The filters of POST /leads/list choose what a reading of the records would choose."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.conftest import Api

SINCE = "2026-09-14T14:30:00.000Z"  # two days before the world's now
Chooser = Callable[[dict[str, Any]], bool]


def recent(name: str) -> Chooser:
    return lambda lead: lead.get(name, "") >= SINCE


def days(action: str, n: float = 2) -> list[Any]:
    return [{"actionType": action, "values": {"occurrence-days": n}}]


CASES: list[tuple[dict[str, Any], Chooser]] = [
    ({"in_campaign": True}, lambda lead: "campaign" in lead),
    ({"in_campaign": False}, lambda lead: "campaign" not in lead),
    ({"in_list": True}, lambda lead: "list_id" in lead),
    ({"filter": "FILTER_VAL_BOUNCED"}, lambda lead: lead["status"] == -1),
    ({"filter": "FILTER_VAL_COMPLETED"}, lambda lead: lead["status"] == 3),
    ({"filter": "FILTER_VAL_CONTACTED"}, lambda lead: "timestamp_last_contact" in lead),
    ({"filter": "FILTER_VAL_NOT_CONTACTED"}, lambda lead: "timestamp_last_contact" not in lead),
    ({"filter": "FILTER_VAL_REPLIED"}, lambda lead: lead["email_reply_count"] > 0),
    ({"filter": "FILTER_LEAD_INTERESTED"}, lambda lead: lead.get("lt_interest_status") == 1),
    ({"filter": "FILTER_LEAD_CUSTOM_LABEL_POSITIVE"}, lambda lead: lead.get("lt_interest_status", 0) > 10_000),
    ({"filter": "FILTER_VAL_INVALID"}, lambda lead: lead.get("verification_status") == -1),
    ({"filter": "FILTER_VAL_OPENED_NO_REPLY"}, lambda d: d["email_open_count"] > 0 == d["email_reply_count"]),
    ({"queries": days("last-contacted")}, recent("timestamp_last_contact")),
    ({"queries": days("reply", 30)}, lambda lead: lead.get("timestamp_last_reply", "") >= "2026-08-17T14:30"),
    ({"queries": days("email-open")}, recent("timestamp_last_open")),
    ({"queries": days("link-click", 60)}, lambda lead: lead.get("timestamp_last_click", "") >= "2026-07-18T14:30"),
    (
        {"queries": [{"actionType": "lead-status", "values": {"lead-status": {"status": 1, "condition": "is-not"}}}]},
        lambda lead: lead["status"] != 1,
    ),
    (
        {"queries": [{"actionType": "email-open", "values": {"occurrence-count": {"condition": "more", "count": 1}}}]},
        lambda lead: lead["email_open_count"] > 1,
    ),
    ({"search": "brightforge"}, lambda lead: "brightforge" in str(lead).lower()),
]


@pytest.mark.parametrize(("body", "chosen"), CASES, ids=[str(body) for body, _ in CASES])
def test_a_filter_chooses_what_the_records_say(still: Api, body: dict[str, Any], chosen: Chooser) -> None:
    leads = still.leads()
    wanted = [lead for lead in leads if chosen(lead)]
    assert still.leads(**body) == wanted
    assert len(wanted) < len(leads)
    if "search" not in body:
        assert wanted


def test_campaigns_and_lists_have_their_leads(still: Api) -> None:
    leads = still.leads()
    for name, key in (("campaign", "campaign"), ("list_id", "list_id")):
        value = next(lead[key] for lead in leads if key in lead)
        assert still.leads(**{name: value}) == [lead for lead in leads if lead.get(key) == value]
    assert still.leads(campaign="0199aaaa-0000-7000-8000-000000000001") == []


def test_campaign_id_is_no_key_and_gives_the_whole_workspace(still: Api) -> None:
    campaign = still.items("campaigns")[3]["id"]
    assert still.leads(campaign_id=campaign) == still.leads()


def test_recency_queries_can_be_dealt_with_in_other_ways(api: Api) -> None:
    query, exact = days("last-contacted"), api.leads(queries=days("last-contacted"))
    api.switch(lead_queries="ignored")
    assert api.leads(queries=query) == api.leads()
    api.switch(lead_queries="partial")
    assert 0 < len(api.leads(queries=query)) < len(exact)
    api.switch(lead_queries="hours")
    assert api.leads(queries=query) == [one for one in exact if one["timestamp_last_contact"] >= "2026-09-16T12:30"]
    api.switch(lead_queries="calendar")
    assert api.leads(queries=query) == [one for one in exact if one["timestamp_last_contact"] >= "2026-09-15T00:00"]
    api.switch(lead_queries="refused")
    assert api.http.post("/api/v2/leads/list", json={"queries": query}).status_code == 400


def test_unknown_keys_can_be_refused(api: Api) -> None:
    api.switch(ignore_unknown=False)
    assert api.http.post("/api/v2/leads/list", json={"campaign_id": "x"}).status_code == 400


def test_leads_are_found_by_id_a_hundred_at_a_time(still: Api) -> None:
    leads = still.leads()
    some = leads[5:300:3][:99]
    asked = [*[lead["id"] for lead in some][::-1], "0199aaaa-0000-7000-8000-000000000001"]
    assert still.leads(ids=asked) == some
    assert still.leads(ids=[]) == []
    assert still.leads(excluded_ids=asked) == [lead for lead in leads if lead["id"] not in asked]


def test_leads_are_found_by_address(still: Api) -> None:
    leads = still.leads()
    emails = [lead["email"] for lead in leads if "email" in lead][:40]
    wanted = [lead for lead in leads if lead.get("email") in emails]
    assert still.leads(contacts=[e.upper() for e in emails]) == wanted
    assert len(wanted) > 40


def test_distinct_contacts_come_once_by_address(still: Api) -> None:
    found = still.leads(distinct_contacts=True, limit=90)
    emails = [lead["email"] for lead in found]
    assert emails == sorted({lead["email"] for lead in still.leads() if "email" in lead})
    page = still.post("leads/list", {"distinct_contacts": True, "limit": 5})
    assert page["next_starting_after"] == emails[4]


def test_filters_work_together(still: Api) -> None:
    leads = still.leads()
    campaign = next(lead["campaign"] for lead in leads if lead["status"] == 3 and "campaign" in lead)
    both = still.leads(campaign=campaign, filter="FILTER_VAL_COMPLETED", queries=days("last-contacted", 40))
    assert both == [
        lead
        for lead in leads
        if lead.get("campaign") == campaign
        and lead["status"] == 3
        and lead.get("timestamp_last_contact", "") >= "2026-08-07T14:30"
    ]


@pytest.mark.parametrize(
    "body", [{"ids": "a"}, {"campaign": 3}, {"in_campaign": "yes"}, {"starting_after": 5}, {"limit": "x"}]
)
def test_wrong_types_are_a_400(still: Api, body: dict[str, Any]) -> None:
    assert still.http.post("/api/v2/leads/list", json=body).status_code == 400


def test_broken_bodies_are_a_400(still: Api) -> None:
    headers = {"content-type": "application/json"}
    for body in (b"{", b"[1]", b"\xff"):
        assert still.http.post("/api/v2/leads/list", content=body, headers=headers).status_code == 400

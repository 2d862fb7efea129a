"""Leads, daily, steps, overview, accounts and lifetime figures are counted from the same events and agree."""

from collections import Counter
from typing import Any

import pytest

from tests.sandbox.conftest import NOW, Api

DAILY = ("sent", "opened", "replies", "replies_automatic", "clicks", "opportunities")
TODAY = f"{NOW:%Y-%m-%d}"


def _campaigns(api: Api) -> list[Any]:
    return list(api.get("campaigns/analytics"))


def test_daily_rows_add_up_to_the_lifetime_figures_of_each_campaign(still: Api) -> None:
    rows = _campaigns(still)
    assert len(rows) >= 10
    for row in rows:
        daily = still.get("campaigns/analytics/daily", campaign_id=row["campaign_id"])
        total = {name: sum(day[name] for day in daily) for name in (*DAILY, "new_leads_contacted")}
        assert total == {
            "sent": row["emails_sent_count"],
            "opened": row["open_count"],
            "replies": row["reply_count"],
            "replies_automatic": row["reply_count_automatic"],
            "clicks": row["link_click_count"],
            "opportunities": row["total_opportunities"],
            "new_leads_contacted": row["new_leads_contacted_count"],
        }


def test_step_rows_add_up_to_the_daily_figures(still: Api) -> None:
    for row in _campaigns(still):
        key = row["campaign_id"]
        steps = still.get("campaigns/analytics/steps", campaign_id=key, include_opportunities_count="true")
        daily = still.get("campaigns/analytics/daily", campaign_id=key)
        for name in DAILY:
            assert sum(s[name] for s in steps) == sum(d[name] for d in daily), name


def test_steps_of_single_days_add_up_to_those_of_all_days(still: Api) -> None:
    key = _campaigns(still)[0]["campaign_id"]
    total: Counter[tuple[str | None, str | None]] = Counter()
    for day in still.get("campaigns/analytics/daily", campaign_id=key):
        span = {"start_date": f"{day['date']}T00:00:00.000Z", "end_date": f"{day['date']}T23:59:59.999Z"}
        rows = still.get("campaigns/analytics/steps", campaign_id=key, **span)
        assert sum(r["sent"] for r in rows) == day["sent"]
        total.update({(r["step"], r["variant"]): r["sent"] for r in rows})
    rows = still.get("campaigns/analytics/steps", campaign_id=key)
    assert total == Counter({(r["step"], r["variant"]): r["sent"] for r in rows})


def test_the_overview_adds_up_campaigns_deleted_ones_included(still: Api) -> None:
    overview = still.get("campaigns/analytics/overview")
    daily = still.get("campaigns/analytics/daily")
    listed = sum(r["emails_sent_count"] for r in _campaigns(still))
    assert overview["emails_sent_count"] == sum(d["sent"] for d in daily) > listed
    single = [still.get("campaigns/analytics/overview", id=r["campaign_id"]) for r in _campaigns(still)]
    gone = still.control("GET", "state")["workspaces"][0]["deleted_campaigns"]
    single += [still.get("campaigns/analytics/overview", id=key) for key in gone]
    for name, value in overview.items():
        assert value == sum(one[name] for one in single), name


def test_account_rows_add_up_to_the_workspaces_days(still: Api) -> None:
    span = {"start_date": "2026-08-20", "end_date": TODAY}
    rows = still.get("accounts/analytics/daily", **span)
    daily = still.get("campaigns/analytics/daily", **span)
    for name in ("sent", "contacted", "new_leads_contacted", "opened", "unique_replies", "replies_automatic", "clicks"):
        assert sum(r[name] for r in rows) == sum(d[name] for d in daily), name
    assert {r["email_account"] for r in rows} <= {a["email"] for a in still.items("accounts")}


@pytest.mark.medium
def test_leads_carry_the_counters_that_the_campaign_reports(still: Api) -> None:
    leads = still.leads()
    for row in _campaigns(still):
        mine = [lead for lead in leads if lead.get("campaign") == row["campaign_id"]]
        assert len(mine) == row["leads_count"]
        events = [e for e in still.state("events") if e["campaign"] == row["campaign_id"]]
        ids = {lead["id"] for lead in mine}
        assert sum(lead["email_open_count"] for lead in mine) == sum(
            e["kind"] == "opened" and e["lead"] in ids for e in events
        )
        assert len({e["lead"] for e in events if e["kind"] == "replied"}) == row["reply_count_unique"]


def test_figures_can_be_counted_again_from_the_events(still: Api) -> None:
    events = still.state("events")
    row = _campaigns(still)[0]
    mine = [e for e in events if e["campaign"] == row["campaign_id"]]
    assert sum(e["kind"] == "sent" for e in mine) == row["emails_sent_count"]
    assert len({(e["lead"], e["step"]) for e in mine if e["kind"] == "opened"}) == row["open_count_unique_by_step"]
    days = Counter(e["date"] for e in mine if e["kind"] == "sent")
    daily = still.get("campaigns/analytics/daily", campaign_id=row["campaign_id"])
    assert {d["date"]: d["sent"] for d in daily if d["sent"]} == dict(days)


def test_days_without_activity_are_left_out_and_days_with_late_opens_are_not(still: Api) -> None:
    sparse = 0
    for row in _campaigns(still):
        daily = still.get("campaigns/analytics/daily", campaign_id=row["campaign_id"])
        assert all(any(d[n] for n in d if n != "date") for d in daily)
        sparse += sum(d["sent"] == 0 and d["opened"] > 0 for d in daily)
    assert sparse > 10


def test_campaigns_without_open_tracking_report_no_opens(still: Api) -> None:
    tracking = {c["id"]: c.get("open_tracking") for c in still.items("campaigns")}
    rows = _campaigns(still)
    assert all(r["open_count"] == 0 for r in rows if not tracking[r["campaign_id"]])
    assert {tracking[r["campaign_id"]] for r in rows} == {True, False}


def test_some_steps_are_null_and_have_replies_but_no_sends(still: Api) -> None:
    rows = still.get("campaigns/analytics/steps")
    null = [r for r in rows if r["step"] is None]
    assert len(null) == 1
    assert null[0]["sent"] == 0 < null[0]["replies"]
    assert {r["step"] for r in rows} >= {"0", "1", None}


def test_a_draft_and_a_deleted_campaign_are_not_in_the_analytics(still: Api) -> None:
    listed = {c["id"]: c["status"] for c in still.items("campaigns")}
    shown = {r["campaign_id"] for r in _campaigns(still)}
    assert shown == {key for key, status in listed.items() if status != 0}


def test_a_deleted_campaign_still_answers_daily(still: Api) -> None:
    (gone,) = still.control("GET", "state")["workspaces"][0]["deleted_campaigns"]
    assert gone not in {c["id"] for c in still.items("campaigns")}
    assert still.status(f"campaigns/{gone}") == 404
    assert sum(d["sent"] for d in still.get("campaigns/analytics/daily", campaign_id=gone)) > 0


@pytest.mark.parametrize("route", ["campaigns/analytics", "campaigns/analytics/overview", "campaigns/analytics/steps"])
def test_a_plain_end_date_is_inclusive_until_switched(api: Api, route: str) -> None:
    day = max(api.get("campaigns/analytics/daily"), key=lambda d: d["sent"])["date"]

    def sent(end: str) -> int:
        answer = api.get(route, start_date=day, end_date=end)
        rows = answer if isinstance(answer, list) else [answer]
        return sum(r.get("emails_sent_count", r.get("sent")) for r in rows)

    assert sent(day) == sent(f"{day}T23:59:59.999Z") > 0
    api.switch(end_date_inclusive=False)
    assert sent(day) == 0
    assert sent(f"{day}T23:59:59.999Z") > 0


def test_a_wrong_parameter_name_is_ignored_and_gives_everything(still: Api) -> None:
    key = _campaigns(still)[0]["campaign_id"]
    assert still.get("campaigns/analytics", campaign_id=key) == _campaigns(still)
    assert [r["campaign_id"] for r in still.get("campaigns/analytics", id=key)] == [key]
    other = _campaigns(still)[1]["campaign_id"]
    assert len(still.get("campaigns/analytics", ids=[key, other])) == 2
    assert still.get("campaigns/analytics/daily", id=key) == still.get("campaigns/analytics/daily")


def test_a_reversed_range_is_refused_with_a_bare_message(still: Api) -> None:
    answer = still.http.get(
        "/api/v2/campaigns/analytics", params={"start_date": "2026-09-02", "end_date": "2026-09-01"}
    )
    assert answer.status_code == 400
    assert answer.json() == {"message": "Start Date must be earlier than End Date"}


def test_null_steps_can_be_text_numbers_or_nothing(api: Api) -> None:
    def steps() -> set[object]:
        return {r["step"] for r in api.get("campaigns/analytics/steps")}

    assert {"0", "1", "2"} <= steps()
    api.switch(step_numbers=True, step_text_null=True)
    assert {0, 1, 2} <= steps()
    assert None not in steps()
    api.control("DELETE", "switches")
    api.switch(null_steps=False)
    assert steps() <= {"0", "1", "2", "3"}


def test_quiet_days_can_be_filled_with_zeros(api: Api) -> None:
    key = api.get("campaigns/analytics")[0]["campaign_id"]
    span = {"campaign_id": key, "start_date": "2026-09-01", "end_date": "2026-09-30"}
    sparse = api.get("campaigns/analytics/daily", **span)
    api.switch(sparse_days=False)
    full = api.get("campaigns/analytics/daily", **span)
    assert [d["date"] for d in full] == [f"2026-09-{n:02d}" for n in range(1, 17)]
    assert [d for d in full if any(v for k, v in d.items() if k != "date")] == sparse


def test_full_timestamps_can_be_refused(api: Api) -> None:
    span = {"start_date": "2026-09-01T00:00:00.000Z", "end_date": "2026-09-02T23:59:59.999Z"}
    assert api.status("campaigns/analytics", **span) == 200
    api.switch(full_timestamps=False)
    assert api.status("campaigns/analytics", **span) == 400
    assert api.status("campaigns/analytics", start_date="2026-09-01") == 200
    assert api.status("campaigns/analytics", start_date="yesterday") == 400


def test_plain_reply_counts_can_include_automatic_ones(api: Api) -> None:
    before = api.get("campaigns/analytics/overview")
    api.switch(reply_count_includes_automatic=True)
    after = api.get("campaigns/analytics/overview")
    assert after["reply_count"] == before["reply_count"] + before["reply_count_automatic"] > before["reply_count"]
    assert after["reply_count_unique"] == before["reply_count_unique"]


def test_expanded_crm_events_are_at_least_as_many(still: Api) -> None:
    plain = still.get("campaigns/analytics/overview")
    every = still.get("campaigns/analytics/overview", expand_crm_events="true")
    names = ("total_interested", "total_meeting_booked", "total_meeting_completed", "total_closed")
    assert all(every[n] >= plain[n] for n in names)
    assert plain["total_interested"] > plain["total_closed"]


def test_figures_can_be_asked_by_campaign_status(still: Api) -> None:
    active = [r for r in _campaigns(still) if r["campaign_status"] == 1]
    overview = still.get("campaigns/analytics/overview", campaign_status=1)
    assert overview["emails_sent_count"] == sum(r["emails_sent_count"] for r in active)
    daily = still.get("campaigns/analytics/daily", campaign_status=1)
    assert sum(d["sent"] for d in daily) == overview["emails_sent_count"]


def test_verification_stats_count_the_leads_of_a_list(still: Api) -> None:
    leads = still.leads()
    for row in still.items("lead-lists"):
        stats = still.get(f"lead-lists/{row['id']}/verification-stats")
        mine = [lead for lead in leads if lead.get("list_id") == row["id"]]
        assert stats["total_leads"] == len(mine)
        assert stats["stats"]["verified"] == sum(lead.get("verification_status") == 1 for lead in mine) > 0


def test_leads_count_can_be_left_out(still: Api) -> None:
    assert {r["leads_count"] for r in still.get("campaigns/analytics", exclude_total_leads_count="true")} == {0}


def test_account_days_are_at_most_31_and_200_accounts(still: Api, api: Api) -> None:
    far = {"start_date": "2026-08-01", "end_date": "2026-09-01"}
    assert still.status("accounts/analytics/daily", **far) == 400
    api.switch(max_account_emails=2)
    emails = [a["email"] for a in api.items("accounts")]
    assert api.status("accounts/analytics/daily", emails=emails[:3]) == 413
    assert {r["email_account"] for r in api.get("accounts/analytics/daily", emails=emails[2:4])} <= set(emails[2:4])


def test_warmup_takes_1_to_100_emails_and_forgets_unknown_ones(still: Api) -> None:
    emails = [a["email"] for a in still.items("accounts")]
    answer = still.post("accounts/warmup-analytics", {"emails": [*emails, "nobody@nowhere.example"]})
    assert answer["email_date_data"].keys() == answer["aggregate_data"].keys() < set(emails)
    for email, days in answer["email_date_data"].items():
        assert sum(d.get("sent", 0) for d in days.values()) == answer["aggregate_data"][email]["sent"]
    bad = [e for e in answer["aggregate_data"] if "getacme-now" in e]
    good = answer["aggregate_data"].keys() - set(bad)
    assert max(answer["aggregate_data"][e]["health_score"] for e in bad) < min(
        answer["aggregate_data"][e]["health_score"] for e in good
    )
    for wrong in ({"emails": []}, {"emails": ["a@b.example"] * 101}, {}):
        assert still.http.post("/api/v2/accounts/warmup-analytics", json=wrong).status_code == 400


def test_late_answers_restate_the_day_of_the_send_when_booked_there(make: Any) -> None:
    api = make(leads=4000)
    api.switch(book_on="send")
    before = {d["date"]: d for d in api.get("campaigns/analytics/daily")}
    api.control("POST", "advance", {"days": 2})
    after = {d["date"]: d for d in api.get("campaigns/analytics/daily")}
    restated = [date for date in before if date < TODAY and before[date] != after[date]]
    assert len(restated) >= 2
    assert all(before[d]["sent"] == after[d]["sent"] for d in restated)


def test_some_past_days_are_restated_by_events_noticed_late(make: Any) -> None:
    api = make(leads=4000)
    before = {d["date"]: d for d in api.get("campaigns/analytics/daily")}
    api.control("POST", "advance", {"days": 2})
    after = {d["date"]: d for d in api.get("campaigns/analytics/daily")}
    assert any(before[d] != after[d] for d in before if d < TODAY)
    assert all(before[d]["sent"] == after[d]["sent"] for d in before if d < TODAY)


def test_a_limit_on_the_days_of_a_route_can_be_switched_on_and_off(api: Api) -> None:
    long, allowed = (
        {"start_date": "2026-07-01", "end_date": "2026-08-01"},
        {"start_date": "2026-07-02", "end_date": "2026-08-01"},
    )
    api.switch(max_campaign_days={"/api/v2/campaigns/analytics/daily": 31})
    assert api.status("campaigns/analytics/daily", **long) == 400
    assert api.status("campaigns/analytics/daily", **allowed) == 200
    assert api.status("campaigns/analytics/daily") == 200
    assert api.status("campaigns/analytics/overview", **long) == 200
    api.switch(max_campaign_days={})
    assert api.status("campaigns/analytics/daily", **long) == 200


def test_days_and_addresses_can_be_refused_by_name(api: Api) -> None:
    first, second = (account["email"] for account in api.items("accounts")[:2])
    api.switch(refused_days=["2026-08-15"], refused_emails={first: 404})
    assert api.status("campaigns/analytics/daily", start_date="2026-08-01", end_date="2026-08-15") == 400
    assert api.status("campaigns/analytics/daily", start_date="2026-08-16", end_date="2026-08-31") == 200
    assert api.status("accounts/analytics/daily", emails=[first, second]) == 404
    assert api.status("accounts/analytics/daily", emails=[second]) == 200
    assert api.http.post("/api/v2/accounts/warmup-analytics", json={"emails": [first]}).status_code == 404

"""Clients of campaigns, tags as bridges, and figures by week, from rows that can be counted by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.marts.given import Given, Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}
GONE = {"_deleted_at": "2026-03-20 00:00:00+00"}
TODAY = date(2026, 3, 25)  # a Wednesday
FIRST, SECOND, THIS = date(2026, 3, 9), date(2026, 3, 16), date(2026, 3, 23)


def line(client: str, match_by: str, match: str, workspace: str = "*") -> Row:
    return {"client": client, "workspace_id": workspace, "match_by": match_by, "match": match}


def tag(tag_id: str, campaign: str, **more: Any) -> Row:
    return W | {"id": tag_id + campaign, "_key": tag_id + campaign, "tag_id": tag_id, "resource_id": campaign,
                "resource_type": 2} | more  # fmt: skip


NAMES = {"c1": "Acme - Dentists", "c2": "ACME 100%_plain", "c3": "[x] Bolt", "c4": "Zeta"}


def campaigns(*lines: Row, **more: list[Row]) -> Given:
    """Four campaigns of one workspace and one of another; c3 has the tag bolt."""
    rows: list[Row] = [W | {"id": k, "_key": f'["{k}"]', "name": name, "status": 1} for k, name in NAMES.items()]
    given: dict[str, list[Row]] = {
        "intermediate.int_workspace_clock": [
            {"workspace_id": w, "as_of": f"{TODAY} 12:00:00", "today": TODAY, "name_in_settings": name}
            for w, name in (("w", "North"), ("v", "South"))
        ],
        "raw.campaigns": [
            *rows,
            {"workspace_id": "v", "id": "c5", "_key": '["c5"]', "name": "Acme - Far", "status": 2},
        ],
        "raw.custom_tags": [W | {"id": "t", "_key": "t", "label": "Client: Bolt"}],
        "raw.custom_tag_mappings": [tag("t", "c3")],
        "seeds.clients": list(lines),
    }
    return given | more


def clients(given: Given) -> dict[str, str | None]:
    return {row["campaign_id"]: row["client"] for row in expect("dim_campaign", given, "campaign_id, client")}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], {}),
        ([line("Acme", "campaign", "acme*")], {"c1": "Acme", "c2": "Acme", "c5": "Acme"}),
        ([line("Acme", "campaign", "Acme*", "w")], {"c1": "Acme", "c2": "Acme"}),
        ([line("Acme", "campaign", "acme 100%_PLAIN")], {"c2": "Acme"}),
        ([line("Acme", "campaign", "%_____%")], {}),
        ([line("Bolt", "campaign", "[x]*")], {"c3": "Bolt"}),
        ([line("Zeta", "campaign", "c4")], {"c4": "Zeta"}),
        ([line("B", "tag", "client: bolt")], {"c3": "B"}),
        ([line("B", "tag", "t")], {"c3": "B"}),
        ([line("*", "tag", "Client: *")], {"c3": "Client: Bolt"}),
        ([line("S", "workspace", "South")], {"c5": "S"}),
        ([line("*", "workspace", "*", "v")], {"c5": "South"}),
        ([line("*", "workspace", "*")], {"c1": "North", "c2": "North", "c3": "North", "c4": "North", "c5": "South"}),
        # the most specific line decides
        (
            [line("N", "workspace", "w"), line("B", "tag", "t"), line("Z", "campaign", "Zeta")],
            {"c1": "N", "c2": "N", "c3": "B", "c4": "Z"},
        ),
        ([line("X", "campaign", "[x]*"), line("B", "tag", "t")], {"c3": "X"}),
        # two lines alike are one client, two clients are none
        (
            [line("Acme", "campaign", "acme*", "w"), line("Acme", "campaign", "*dentists")],
            {"c1": "Acme", "c2": "Acme"},
        ),
        ([line("Acme", "campaign", "acme*", "w"), line("D", "campaign", "*dentists")], {"c2": "Acme"}),
    ],
)  # fmt: skip
def test_a_campaign_belongs_to_the_client_that_the_lines_name(lines: list[Row], found: dict[str, str]) -> None:
    assert {k: v for k, v in clients(campaigns(*lines)).items() if v is not None} == found


def test_a_campaign_of_two_clients_is_reported_and_counts_for_none() -> None:
    given = campaigns(line("Acme", "campaign", "acme*", "w"), line("D", "campaign", "*dentists"))
    bridge = expect("bridge_campaign_client", given, "campaign_id, client, match_by, clients")
    assert [tuple(row.values()) for row in bridge] == [
        ("c1", "Acme", "campaign", 2), ("c1", "D", "campaign", 2), ("c2", "Acme", "campaign", 1),
    ]  # fmt: skip
    found = expect("dim_client", given, "client, workspaces, campaigns, campaigns_active")
    assert [tuple(row.values()) for row in found] == [("Acme", 1, 1, 1), ("D", 0, 0, 0)]


def test_a_deleted_campaign_stays_with_the_client_of_its_last_tags() -> None:
    rows = [W | {"id": "c3", "_key": '["c3"]', "name": "Bolt"} | GONE]
    for mapping, client in (
        (tag("t", "c3"), "B"),
        (tag("t", "c3", _deleted_at="2026-03-20 00:00:05+00"), "B"),
        (tag("t", "c3", _deleted_at="2026-03-10 00:00:00+00"), None),
    ):
        more = {"raw.campaigns": rows, "raw.custom_tag_mappings": [mapping]}
        assert clients(campaigns(line("B", "tag", "t"), **more)) == {"c3": client}


def test_tags_of_campaigns_and_accounts_are_bridges_and_what_is_gone_is_in_none() -> None:
    given = campaigns(**{
        "raw.accounts": [W | {"email": "a@x.example"}, W | {"email": "b@x.example"} | GONE],
        "raw.custom_tag_mappings": [
            tag("t", "c3"), tag("unknown", "c3"), tag("t", "never"), tag("t", "c1", **GONE),
            tag("t", "A@x.example", resource_type=1), tag("t", "b@x.example", resource_type=1),
        ],
    })  # fmt: skip
    found = expect("bridge_campaign_tag", given, "campaign_id, campaign_name, tag_id, label")
    assert [tuple(row.values()) for row in found] == [
        ("c3", "[x] Bolt", "t", "Client: Bolt"), ("c3", "[x] Bolt", "unknown", "unknown")
    ]  # fmt: skip
    found = expect("bridge_account_tag", given, "email, tag_id, label")
    assert [tuple(row.values()) for row in found] == [("a@x.example", "t", "Client: Bolt")]
    assert expect("bridge_campaign_tag", campaigns(**{"raw.custom_tag_mappings": []})) == []


# --- weeks


def day(campaign: str, on: date, sent: int | None, workspace: str = "w", **more: Any) -> Row:
    return {
        "workspace_id": workspace, "campaign_id": campaign, "date": on, "sent": sent, "new_leads_contacted": 2,
        "replies": 1, "replies_automatic": 0, "opportunities": 1,
    } | more  # fmt: skip


def event(lead: str, what: str, on: date, status: int | None = None, kind: str | None = None, **more: Any) -> Row:
    return W | {
        "campaign_id": "c1", "lead_id": lead, "event": what, "occurred_at": f"{on} 09:00:00",
        "lt_interest_status": status, "interest_kind": kind,
    } | more  # fmt: skip


EVENTS = [
    event("a", "interest changed", FIRST, 1, "positive"),
    event("a", "interest changed", SECOND, 2, "positive"),  # positive already; the meeting is new
    event("a", "interest changed", THIS, 4, "positive"),  # neither is new
    event("b", "interest changed", SECOND, -1, "negative"),
    event("c", "interest changed", date(2026, 3, 22), 2, "positive"),
    event("d", "bounced", SECOND),
    event("d", "bounced", THIS),
    event("e", "replied", SECOND),
]
READ = [{"workspace_id": w, "stream": s} for w in "wv" for s in ("campaigns", "leads", "daily_analytics")]


def weekly(*lines: Row, **more: list[Row]) -> Given:
    given = campaigns(
        *lines,
        **{
            "intermediate.int_stream_read": READ,
            "intermediate.int_campaign_day": [
                day("c1", FIRST, 10), day("c1", date(2026, 3, 15), 5), day("c1", THIS, 7),
                day("c2", SECOND, 20), day("c5", SECOND, 100, "v"),
            ],
            "marts.fct_lead_event": EVENTS,
            "raw.leads": [W | {"id": "a", "campaign": "c1", "_first_seen_at": "2026-03-10 06:00:00+00"}],
            "raw.campaign_analytics": [
                W | {"campaign_id": "c1", "total_opportunities": 4, "total_opportunity_value": 1000}
            ],
        },
    )  # fmt: skip
    return dict(given) | more


def rows(model: str, given: Given, select: str, order: str = "all") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in expect(model, given, select, order)]


def test_a_week_of_a_campaign_has_its_days_and_the_leads_that_became_something_first_in_it() -> None:
    select = (
        "week, is_partial, is_before_first_read, sent, new_leads_contacted, replies, new_positive_leads, "
        "new_meeting_leads, opportunities, opportunity_value_estimate, bounced_leads"
    )
    found = [row[1:] for row in rows("rpt_campaign_weekly", weekly(), f"campaign_id, {select}") if row[0] == "c1"]
    assert found == [
        (FIRST, False, True, 15, 4, 2, 1, 0, 2, 500.0, 0),
        (SECOND, False, False, 0, 0, 0, 1, 2, 0, 0.0, 1),  # no day with figures in between is a zero
        (THIS, True, False, 7, 2, 1, 0, 0, 1, 250.0, 0),
    ]


def test_of_what_was_not_read_no_week_says_zero() -> None:
    no_leads = weekly(**{"intermediate.int_stream_read": [row for row in READ if row["stream"] != "leads"]})
    select = "max(sent), max(new_positive_leads), max(new_meeting_leads), max(bounced_leads)"
    assert rows("rpt_campaign_weekly", no_leads, select) == [(100, None, None, None)]
    no_days = weekly(**{
        "intermediate.int_stream_read": [row for row in READ if row["stream"] != "daily_analytics"],
        "intermediate.int_campaign_day": [],
    })  # fmt: skip
    assert rows("rpt_campaign_weekly", no_days, select) == [(None, 1, 2, 1)]
    assert rows("rpt_client_weekly", no_days, "max(sent), max(new_positive_leads)") == [(None, 1)]
    unknown = weekly(**{"intermediate.int_campaign_day": [day("c1", FIRST, 1), day("c1", date(2026, 3, 10), None)]})
    assert rows("rpt_campaign_weekly", unknown, "week, sent, replies")[0] == (FIRST, None, 2)


def test_a_client_has_the_sums_of_its_campaigns_in_all_workspaces_against_the_week_before_and_its_target() -> None:
    given = weekly(
        line("Acme", "campaign", "acme*"),
        **{
            "seeds.client_targets": [
                {"client": "Acme", "metric": "sent", "target": 50}, {"client": "B", "metric": "sent", "target": 9}
            ],
            "marts.rpt_runway": [
                W | {"campaign_id": "c1", "runs_dry_on": date(2026, 3, 30)},
                {"workspace_id": "v", "campaign_id": "c5", "runs_dry_on": date(2026, 4, 9)},
                W | {"campaign_id": "c4", "runs_dry_on": date(2026, 3, 26)},
                W | {"campaign_id": "c2"},
            ],
        },
    )  # fmt: skip
    select = (
        "client, week, is_partial, is_before_first_read, campaigns_sending, sent, sent_week_before, sent_week_target, "
        "new_positive_leads, new_positive_leads_week_before, new_meeting_leads, days_to_first_dry, last_runs_dry_on"
    )
    assert rows("rpt_client_weekly", given, select) == [
        ("Acme", FIRST, False, True, 1, 15, None, 50.0, 1, None, 0, None, None),
        ("Acme", SECOND, False, False, 2, 120, 15, 50.0, 1, 1, 2, None, None),
        ("Acme", THIS, True, False, 1, 7, 120, 50.0, 0, 1, 0, 5, date(2026, 4, 9)),
    ]


def test_campaigns_without_a_client_are_one_row_without_a_name() -> None:
    found = rows("rpt_client_weekly", weekly(line("Acme", "campaign", "Acme - Dentists")), "client, week, sent")
    assert found == [
        ("Acme", FIRST, 15), ("Acme", SECOND, 0), ("Acme", THIS, 7), (None, SECOND, 120), (None, THIS, 0),
    ]  # fmt: skip


def test_a_client_that_stopped_has_weeks_of_zeros_up_to_now() -> None:
    given = weekly(line("Two", "campaign", "c2"))
    found = [row[1:] for row in rows("rpt_client_weekly", given, "client, week, sent, sent_week_before") if row[0]]
    assert found == [(SECOND, 20, None), (THIS, 0, 20)]


def test_days_of_a_workspace_have_the_leads_that_became_positive_or_got_a_meeting() -> None:
    select = "date, new_positive_leads, new_meeting_leads, new_positive_leads_7d, is_before_first_read"
    found = [row[1:] for row in rows("rpt_workspace_daily", weekly(), f"workspace_id, {select}") if row[0] == "w"]
    assert found[0] == (FIRST, 1, 0, 1, True)
    assert found[7] == (SECOND, 0, 1, 0, False)
    assert found[13] == (date(2026, 3, 22), 1, 1, 1, False)
    no_leads = weekly(**{"intermediate.int_stream_read": [row for row in READ if row["stream"] != "leads"]})
    assert rows("rpt_workspace_daily", no_leads, "max(new_positive_leads)") == [(None,)]


def test_a_mapping_without_a_tag_gives_a_campaign_none() -> None:
    assert expect("bridge_campaign_tag", {
        "staging.stg_campaigns": [{"workspace_id": "w", "id": "c", "is_deleted": False}],
        "staging.stg_custom_tag_mappings": [{"workspace_id": "w", "resource_id": "c", "is_deleted": False}],
    }) == []  # fmt: skip


def test_where_no_days_were_read_nobody_knows_how_many_campaigns_sent() -> None:
    no_days = weekly(**{
        "intermediate.int_stream_read": [row for row in READ if row["stream"] != "daily_analytics"],
        "intermediate.int_campaign_day": [],
    })  # fmt: skip
    assert set(rows("rpt_client_weekly", no_days, "distinct campaigns_sending")) == {(None,)}


@pytest.mark.parametrize(("more", "day_known"), [({}, date(2026, 3, 12)), (GONE, TODAY)])
def test_a_workspace_that_is_left_behind_holds_up_its_clients_while_they_have_campaigns_there(
    more: Row, day_known: date
) -> None:
    far = {"workspace_id": "v", "id": "c5", "_key": '["c5"]', "name": "Acme - Far", "status": 2} | more
    clock = {"today": TODAY, "name_in_settings": "x"}
    given = weekly(line("Acme", "campaign", "acme*"))
    given = given | {
        "raw.campaigns": [*(row for row in given["raw.campaigns"] if row["id"] != "c5"), far],
        "intermediate.int_workspace_clock": [
            W | clock | {"as_of": f"{TODAY} 12:00:00"}, {"workspace_id": "v", "as_of": "2026-03-12 12:00:00"} | clock,
        ],
    }  # fmt: skip
    assert rows("rpt_client_weekly", given, "distinct as_of_date") == [(day_known,)]

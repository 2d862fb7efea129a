"""What leads of each source brought, and what stored leads cost, from rows that can be counted by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.warehouse.marts.given import expect

pytestmark = pytest.mark.medium

Row = dict[str, Any]
READ = datetime(2026, 3, 31, 12, tzinfo=UTC)


def at(day: int) -> datetime:
    """A day in March 2026."""
    return datetime(2026, 3, day, tzinfo=UTC)


def lead(lead_id: str, **values: Any) -> Row:
    """A row of raw.leads, in campaign c1 and list l1, uploaded by hand, never contacted."""
    given = {
        "workspace_id": "w", "id": lead_id, "email": f"{lead_id}@x.example", "campaign": "c1", "list_id": "l1",
        "status": 1, "email_reply_count": 0, "upload_method": "manual", "timestamp_created": at(2),
        "_first_seen_at": at(2), "_verified_at": READ, "_key": f'["{lead_id}"]',
    }  # fmt: skip
    return given | values


def wrote(step: int = 0) -> Row:
    """What a lead shows that got the e-mails up to this step."""
    return {"timestamp_last_contact": at(5), "last_step_id": f"0_{step}_0"}


def positive(*lead_ids: str) -> list[Row]:
    """Versions of leads that were interested once."""
    return [{"workspace_id": "w", "id": one, "_op": "upsert", "_valid_from": READ, "lt_interest_status": 1,
             "_key": f'["{one}"]'} for one in lead_ids]  # fmt: skip


# --- sources


def sources(leads: list[Row], select: str, **more: list[Row]) -> list[tuple[Any, ...]]:
    given = {"raw.leads": leads, "seeds.costs": [], "seeds.source_variables": []} | more
    found = expect("rpt_source_performance", given, select, "source, variable, source_value nulls last")
    return [tuple(row.values()) for row in found]


OUTCOMES = ("source, source_value, leads, contacts, contacted_leads, contacts_reached, replied_leads, "
            "became_positive_leads, meeting_leads, won_leads, bounced_leads")  # fmt: skip


def test_each_lead_counts_once_for_its_list_and_once_for_its_upload_method() -> None:
    leads = [
        lead("a", email="bo@x.example", email_reply_count=1, lt_interest_status=4, **wrote()),
        lead("b", email="Bo@x.example", campaign="c2", email_reply_count=2, lt_interest_status=-1, **wrote()),
        lead("c", list_id="l2", upload_method="api", status=-1, **wrote()),
        lead("d", list_id=None, upload_method=None), lead("e", lt_interest_status=2, _deleted_at=at(9), **wrote()),
    ]  # fmt: skip
    assert sources(leads, OUTCOMES, **{"history.leads": positive("a", "b", "e")}) == [
        ("list", "l1", 3, 2, 3, 2, 2, 3, 2, 1, 0),
        ("list", "l2", 1, 1, 1, 1, 0, 0, 0, 0, 1),
        ("list", None, 1, 1, 0, 0, 0, 0, 0, 0, 0),
        ("upload method", "api", 1, 1, 1, 1, 0, 0, 0, 0, 1),
        ("upload method", "manual", 3, 2, 3, 2, 2, 3, 2, 1, 0),
        ("upload method", None, 1, 1, 0, 0, 0, 0, 0, 0, 0),
    ]


def test_chosen_variables_are_sources_and_values_of_one_contact_are_not_shown() -> None:
    def of(lead_id: str, *, provider: Any = None, phone: str | None = None) -> Row:
        return lead(lead_id, payload=json.dumps({"data.provider": provider, "phone": phone}), **wrote())

    leads = [
        of("a", provider="Apollo"), of("b", provider=" Apollo"), of("c", provider=7), of("d", provider=""),
        of("e", phone="+1 555"), of("f", provider="Clay"), of("g", provider="Clay") | {"email": "F@x.example"},
        lead("h", payload=None), lead("i", payload="x"), of("j", provider="Apollo") | {"workspace_id": "v"},
    ]  # fmt: skip
    chosen = [{"workspace_id": "w", "variable": "data.provider"}, {"workspace_id": "v", "variable": "phone"}]
    found = sources(leads, "workspace_id, source, variable, source_value, leads, contacted_leads",
                    **{"seeds.source_variables": chosen})  # fmt: skip
    assert [row for row in found if row[1] == "variable"] == [
        ("w", "variable", "data.provider", "Apollo", 2, 2), ("w", "variable", "data.provider", None, 7, 5),
        ("v", "variable", "phone", None, 1, 1),
    ]  # fmt: skip


def test_a_variable_chosen_twice_counts_once() -> None:
    chosen = [{"workspace_id": name, "variable": "city"} for name in ("*", "w")]
    leads = [lead(one, payload='{"city": "Lund"}') for one in ("a", "b")]
    found = sources(leads, "source, source_value, leads", **{"seeds.source_variables": chosen})
    assert found[-1] == ("variable", "Lund", 2)


def test_rates_are_per_contacted_lead_and_carry_their_intervals() -> None:
    leads = [lead(f"l{n}", email_reply_count=int(n < 4), **wrote()) for n in range(100)] + [lead("new")]
    [found, _] = sources(
        leads, "lead_reply_rate, round(lead_reply_rate_low, 4), round(lead_reply_rate_high, 4), lead_positive_rate, "
        "round(lead_positive_rate_high, 4)", **{"history.leads": positive("l0")},
    )  # fmt: skip
    # Wilson (1927) for 4 of 100 and 1 of 100
    assert found == (0.04, 0.0157, 0.0984, 0.01, 0.0545)


COSTS = [{"workspace_id": "*", "per": "lead", "cost": 0.5}, {"workspace_id": "*", "per": "email", "cost": 0.01}]


@pytest.mark.parametrize(
    ("costs", "steps", "expected"),
    [
        ([], (0, 2), (4, None, None)), (COSTS[:1], (0, 2), (4, 1.0, 1.0)), (COSTS, (0, 2), (4, 1.04, 1.04)),
        (COSTS[1:], (0, 2), (4, 0.04, 0.04)), (COSTS, (0, None), (None, None, None)),
        (COSTS[:1], (0, None), (None, 1.0, 1.0)),
    ],
)  # fmt: skip
def test_costs_are_those_that_are_set_and_unknown_where_e_mails_are(
    costs: list[Row], steps: tuple[int, int | None], expected: tuple[Any, ...]
) -> None:
    leads = [lead(f"l{n}", **(wrote() | {"last_step_id": None if step is None else f"0_{step}_1"}))
             for n, step in enumerate(steps)]  # fmt: skip
    found = sources([*leads, lead("new")], "emails, cost, cost_per_positive",
                    **{"seeds.costs": costs, "history.leads": positive("l0")})  # fmt: skip
    assert found[0] == expected


def test_the_value_is_the_leads_own_or_else_that_of_its_campaign_or_workspace() -> None:
    leads = [
        lead("own", pl_value_lead="250.5", **wrote()),
        lead("campaigns", pl_value_lead="much", **wrote()),
        lead("workspaces", campaign="c2", **wrote()),
        lead("none", list_id="l2", campaign="c2", **wrote()),
    ]
    given = {
        "history.leads": positive("own", "campaigns", "workspaces"),
        "raw.campaigns": [{"workspace_id": "w", "id": "c1", "pl_value": 100, "_key": "c1"}],
        "raw.workspaces": [{"workspace_id": "w", "id": "w", "default_opportunity_value": 7, "_key": "w",
                            "_verified_at": READ, "_changed_at": READ}],
    }  # fmt: skip
    assert sources(leads, "source_value, positive_value", **given)[:2] == [("l1", 357.5), ("l2", None)]


# --- stored leads


def stored(leads: list[Row], select: str, mart: str = "rpt_stored_contacts", **more: Any) -> list[tuple[Any, ...]]:
    status = [{"workspace_id": "w", "stream": "leads", "last_success_at": READ}]
    found = expect(mart, {"raw.leads": leads, "meta.stream_status": status} | more, select, "all")
    return [tuple(row.values()) for row in found]


LEADS = [
    lead("answered", status=3, email_reply_count=1, **wrote()),  # through, with an answer: stays
    lead("marked", status=3, lt_interest_status=-1, **wrote()),
    lead("through", status=3, **wrote()),
    lead("through too", status=3, list_id="l2", **wrote()),
    # three leads of one person: the one that still waits for e-mails is kept
    lead("bo 1", email="bo@x.example", list_id="l2", campaign=None), lead("bo 2", email="Bo@x.example"),
    lead("bo 3", email=" bo@x.example", status=3, **wrote()),
    # two of another, both waiting for e-mails: one is surplus, none is to be deleted
    lead("ann 1", email="ann@x.example"), lead("ann 2", email="ann@x.example", campaign="c2"),
    lead("nameless 1", email=None), lead("nameless 2", email=""),
    lead("gone", status=3, _deleted_at=at(9), **wrote()),
]  # fmt: skip


def test_what_is_through_without_an_answer_or_repeats_an_address_can_be_deleted() -> None:
    select = ("stored_leads, contacts, without_email, completed_leads, surplus_leads, deletable_completed, "
              "deletable_surplus, deletable_leads")  # fmt: skip
    assert stored(LEADS, select) == [(11, 6, 2, 5, 3, 3, 1, 4)]
    assert stored(LEADS, "contacted_leads, contacts_reached") == [(6, 6)]  # those deleted since included


def test_where_to_delete_adds_up_to_what_can_be_deleted() -> None:
    found = stored(LEADS, "campaign_id, list_id, stored_leads, completed_leads, surplus_leads, deletable_leads",
                   "rpt_stored_leads")  # fmt: skip
    assert found == [
        ("c1", "l1", 8, 4, 1, 2), ("c1", "l2", 1, 1, 0, 1), ("c2", "l1", 1, 0, 1, 0), (None, "l2", 1, 0, 1, 1),
    ]  # fmt: skip


def test_without_addresses_nobody_knows_what_is_surplus() -> None:
    leads = [lead("a", email=None, status=3, **wrote()), lead("b", email=None)]
    select = (
        "stored_leads, contacts, without_email, surplus_leads, deletable_surplus, deletable_leads, contacts_reached"
    )
    assert stored(leads, select) == [(2, None, 2, None, None, 1, None)]


BILLING = {"workspace_id": "w", "_key": "w", "plan_name": "Growth", "total_lead_limit": 1000, "current_lead_count": 100}


def test_the_quota_is_the_plans_where_billing_is_read_and_unknown_elsewhere() -> None:
    select = "plan_name, lead_limit, metered_leads, used_rate, used_rate_after"
    assert stored(LEADS, select, **{"raw.workspace_billing": [BILLING]}) == [("Growth", 1000, 100, 0.1, 0.096)]
    assert stored(LEADS, select) == [(None, None, None, None, None)]
    few = BILLING | {"current_lead_count": 2}  # counted before the leads were added
    assert stored(LEADS, "used_rate_after", **{"raw.workspace_billing": [few]}) == [(0.0,)]


def test_a_workspace_without_leads_stores_none_and_one_that_was_not_read_is_not_listed() -> None:
    select = "stored_leads, contacts, deletable_leads, deletable_rate, contacts_reached"
    assert stored([], select) == [(0, 0, 0, None, 0)]
    assert expect("rpt_stored_contacts", {"raw.workspace_billing": [BILLING]}) == []


@pytest.mark.parametrize("variable", ['ci"ty', "*", "a.b", "a/b", "~1", "[0]"])
def test_a_variable_may_have_any_name(variable: str) -> None:
    leads = [
        {"workspace_id": "w", "lead_id": lead, "payload": json.dumps({variable: "Ulm"}), "is_deleted": False}
        for lead in "ab"
    ]
    rows = expect(
        "rpt_source_performance",
        {
            "seeds.source_variables": [{"workspace_id": "*", "variable": variable}],
            "intermediate.int_workspace_clock": [{"workspace_id": "w"}],
            "marts.dim_lead": leads,
        },
        "source_value",
    )
    assert {"source_value": "Ulm"} in rows

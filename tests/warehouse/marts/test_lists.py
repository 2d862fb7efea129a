"""List quality, suppression and pressure, from rows that can be counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.warehouse.marts.given import expect

pytestmark = pytest.mark.medium

Row = dict[str, Any]
READ = datetime(2026, 3, 31, 12, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    """A time in March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def lead(lead_id: str, email: str | None = None, **values: Any) -> Row:
    """A row of raw.leads, in list l1 and no campaign."""
    given = {
        "workspace_id": "w", "id": lead_id, "email": email or f"{lead_id}@clinic.example", "list_id": "l1", "status": 1,
        "first_name": "Bo", "email_reply_count": 0, "timestamp_created": at(2), "_verified_at": READ,
        "_key": f'["{lead_id}"]',
    }  # fmt: skip
    return given | values


def version(row: Row, day: int) -> Row:
    """A lead as a version first seen on that day."""
    return {k: v for k, v in row.items() if not k.startswith("_") or k == "_key"} | {
        "_op": "upsert", "_valid_from": at(day),
    }  # fmt: skip


def blocked(value: str, day: int, **values: Any) -> Row:
    """An entry of the block list, made on that day."""
    given = {"workspace_id": "w", "id": value, "bl_value": value, "is_domain": "@" not in value,
             "timestamp_created": at(day), "_key": value}  # fmt: skip
    return given | values


# --- lists


def quality(leads: list[Row], select: str, **more: list[Row]) -> list[tuple[Any, ...]]:
    given = {
        "raw.leads": leads,
        "raw.lead_lists": more.pop("lists", []),
        "raw.block_list_entries": more.pop("block", []),
    }
    found = expect("rpt_list_quality", given | more, select, "list_id")
    return [tuple(row.values()) for row in found]


def test_what_a_list_holds_is_counted_over_the_leads_there_are() -> None:
    results = [1, 1, -3, -2, -1, -4, 0, 11, None]
    leads = [lead(f"v{i}", verification_status=value) for i, value in enumerate(results)]
    leads += [lead("gone", verification_status=-1, _deleted_at=at(9)), lead("nameless", first_name=" "),
              lead("empty") | {"email": ""}]  # fmt: skip
    found = quality(leads, "leads, deleted_leads, without_email, checked_leads, verified, catch_all, risky, invalid, "
                    "missing_names, verified_rate, invalid_rate, risky_rate")  # fmt: skip
    assert found == [(11, 1, 1, 6, 2, 1, 1, 1, 1, pytest.approx(2 / 6), pytest.approx(1 / 6), pytest.approx(2 / 6))]


def test_duplicates_are_seen_within_a_list_and_outside_of_it_whatever_their_spelling() -> None:
    leads = [
        lead("a", "bo@x.example"), lead("b", " Bo@X.example"), lead("c", "bo@x.example"), lead("d", "ann@x.example"),
        lead("e", "ann@x.example", list_id="l2"), lead("f", "bo@x.example", campaign="c1", list_id=None),
        lead("g", "eve@x.example"), lead("h", "eve@x.example", _deleted_at=at(9)),
    ]  # fmt: skip
    assert quality(leads, "list_id, leads, duplicates, elsewhere") == [("l1", 5, 2, 4), ("l2", 1, 0, 1)]


def test_blocked_contacts_are_found_by_address_and_domain_while_the_entry_stands() -> None:
    leads = [lead("a", "Bo@x.example"), lead("b", "ann@blocked.example"), lead("c", "c@sub.blocked.example"),
             lead("d", "free@x.example"), lead("e", "x@later.example")]  # fmt: skip
    block = [blocked("bo@X.example", 1), blocked("blocked.example", 1), blocked("@later.example", 1, is_domain=True),
             blocked("free@x.example", 1, _deleted_at=at(5))]  # fmt: skip
    assert quality(leads, "blocked, blocked_rate", block=block) == [(3, 0.6)]


def test_what_became_of_a_list_counts_deleted_leads_too() -> None:
    wrote = {"timestamp_last_contact": at(3)}
    leads = [lead("a", email_reply_count=1, **wrote), lead("b", status=-1, _deleted_at=at(9), **wrote),
             lead("c", campaign="c1", **wrote), lead("d", status=-1)]  # fmt: skip
    assert quality(leads, "leads, contacted_leads, replied_leads, bounced_leads, lead_bounce_rate") == [
        (3, 3, 1, 1, pytest.approx(1 / 3))
    ]
    assert quality(leads, "leads_reached, repliers, bounced") == [(3, 1, 1)]  # their old names


def test_a_list_says_how_many_people_it_has_and_how_many_became_positive() -> None:
    wrote = {"timestamp_last_contact": at(3)}
    leads = [lead("a", "bo@x.example", **wrote), lead("b", "Bo@x.example", **wrote), lead("c", **wrote),
             lead("d", _deleted_at=at(9), **wrote)]  # fmt: skip
    # one was positive once and is no more, one was deleted
    seen = [version(leads[0] | {"lt_interest_status": 1}, 4), version(leads[0] | {"lt_interest_status": -1}, 5),
            version(leads[3] | {"lt_interest_status": 1}, 4)]  # fmt: skip
    found = quality(
        leads, "contacts, contacted_leads, became_positive_leads, lead_positive_rate", **{"history.leads": seen}
    )
    assert found == [(2, 4, 2, 0.5)]


def test_lists_without_leads_and_lists_known_only_from_leads_are_there() -> None:
    lists = [{"workspace_id": "w", "id": "l0", "name": "Empty ∅", "_key": "l0"},
             {"workspace_id": "w", "id": "l1", "name": "Gone", "_deleted_at": at(4), "_key": "l1"}]  # fmt: skip
    leads = [lead("a"), lead("b", list_id="l9")]
    assert quality(leads, "list_name, is_listed, leads, grade, grade_reason", lists=lists) == [
        ("Empty ∅", True, 0, None, "too few leads to judge"), ("Gone", False, 1, None, "too few leads to judge"),
        ("l9", False, 1, None, "too few leads to judge"),
    ]  # fmt: skip


INVALID = "invalid addresses"
RISKY = "catch-all and risky addresses 20.0 % (20 of 100, 13.3 to 28.9 %)"
NAMELESS = "missing first names 41.0 % (41 of 100, 31.9 to 50.8 %)"


@pytest.mark.parametrize(
    ("invalid", "catch_all", "nameless", "grade", "reason"),
    [
        (0, 0, 0, "A", "all metrics in range"),
        (3, 0, 0, "A", "all metrics in range"),  # three may be chance
        (7, 0, 0, "B", f"{INVALID} 7.0 % (7 of 100, 3.4 to 13.7 %) is amber"),
        (7, 20, 0, "C", f"{RISKY} is amber; {INVALID} 7.0 % (7 of 100, 3.4 to 13.7 %) is amber"),
        (12, 20, 0, "D", f"{INVALID} 12.0 % (12 of 100, 7.0 to 19.8 %) is red; {RISKY} is amber"),
        (12, 0, 41, "E", f"{INVALID} 12.0 % (12 of 100, 7.0 to 19.8 %) is red; {NAMELESS} is red"),
    ],
)
def test_the_grade_follows_the_thresholds_and_says_why(
    invalid: int, catch_all: int, nameless: int, grade: str, reason: str
) -> None:
    results = [-1] * invalid + [-3] * catch_all + [1] * (100 - invalid - catch_all)
    leads = [lead(f"l{i}", verification_status=value, first_name="" if i < nameless else "Bo")
             for i, value in enumerate(results)]  # fmt: skip
    assert quality(leads, "grade, grade_reason") == [(grade, reason)]


# --- suppression


def audit(
    leads: list[Row], select: str, *, versions: list[Row] | None = None, block: list[Row] | None = None
) -> list[tuple[Any, ...]]:
    """Findings; each lead has one version, seen on the 20th, unless versions are given."""
    given = {
        "raw.leads": leads, "raw.block_list_entries": block or [],
        "history.leads": versions if versions is not None else [version(row, 20) for row in leads],
    }  # fmt: skip
    found = expect("rpt_suppression_audit", given, select, "email")
    return [tuple(row.values()) for row in found]


FOUND = "email, finding, is_certain, suppressed_by, contacts_after, imports_after"


def test_a_contact_written_to_after_it_was_blocked_is_found() -> None:
    leads = [
        lead("before", timestamp_last_contact=at(9)), lead("after", timestamp_last_contact=at(11)),
        lead("domain", "eve@firm.example", timestamp_last_contact=at(12)), lead("free", timestamp_last_contact=at(12)),
    ]  # fmt: skip
    block = [blocked("before@clinic.example", 10), blocked("AFTER@clinic.example", 10), blocked("firm.example", 10)]
    assert audit(leads, FOUND, block=block) == [
        ("after@clinic.example", "contacted", True, "address on the block list", 1, 0),
        ("eve@firm.example", "contacted", True, "domain on the block list", 1, 0),
    ]


def test_an_entry_taken_off_the_list_forbids_nothing_afterwards() -> None:
    leads = [lead("a", timestamp_last_contact=at(15))]
    assert audit(leads, FOUND, block=[blocked("a@clinic.example", 10, _deleted_at=at(14))]) == []
    assert len(audit(leads, FOUND, block=[blocked("a@clinic.example", 10, _deleted_at=at(16))])) == 1


def test_a_blocked_contact_that_is_imported_again_is_found_also_when_nobody_wrote() -> None:
    leads = [lead("a", timestamp_created=at(12)), lead("b", timestamp_created=at(9))]
    block = [blocked("a@clinic.example", 10), blocked("b@clinic.example", 10)]
    assert audit(leads, FOUND + ", last_imported_at::varchar", block=block) == [
        ("a@clinic.example", "imported", True, "address on the block list", 0, 1, "2026-03-12 00:00:00")
    ]


def test_who_unsubscribed_in_one_campaign_and_is_written_to_in_another_is_found() -> None:
    left = lead("left", "bo@x.example", campaign="c1", status=-2, timestamp_last_contact=at(5))
    other = lead("other", "Bo@x.example", campaign="c2", timestamp_last_contact=at(8))
    # seen subscribed on the 4th and unsubscribed on the 7th: surely before the e-mail of the 8th
    seen = [version(left | {"status": 1, "timestamp_last_contact": at(3)}, 4), version(left, 7), version(other, 9)]
    certain = audit([left, other], FOUND + ", campaign_names", versions=seen)
    assert certain == [("bo@x.example", "contacted", True, "unsubscribed", 1, 0, "c2")]
    # never seen before the 20th: at some time after the 5th
    assert audit([left, other], FOUND) == [("bo@x.example", "contacted", False, "unsubscribed", 1, 0)]
    earlier = other | {"timestamp_last_contact": at(4)}
    assert audit([left, earlier], FOUND) == []


def test_who_subscribed_again_may_be_written_to() -> None:
    back = lead("a", "bo@x.example", status=1, timestamp_last_contact=at(15))
    versions = [version(back | {"status": -2, "timestamp_last_contact": at(5)}, 7), version(back, 20)]
    assert audit([back], FOUND, versions=versions) == []


def test_an_e_mail_to_an_address_the_lead_had_before_is_none_to_the_blocked_one() -> None:
    now = lead("a", "new@x.example", timestamp_last_contact=at(15))
    versions = [version(now | {"email": "old@x.example"}, 16), version(now, 20)]
    assert audit([now], FOUND, versions=versions, block=[blocked("new@x.example", 10)]) == []


def test_a_contact_with_several_reasons_and_leads_is_one_row() -> None:
    leads = [
        lead("a", "bo@x.example", campaign="c1", timestamp_last_contact=at(12)),
        lead("b", "bo@x.example", campaign="c2", timestamp_last_contact=at(13), timestamp_created=at(11)),
    ]
    block = [blocked("bo@x.example", 10), blocked("x.example", 9)]
    found = audit(
        leads, FOUND + ", suppressed_since::varchar as since, last_contacted_at::varchar as last", block=block
    )
    assert found == [("bo@x.example", "contacted", True, "address on the block list; domain on the block list", 2, 1,
                      "2026-03-09 00:00:00", "2026-03-13 00:00:00")]  # fmt: skip


def test_a_block_in_one_workspace_says_nothing_about_another() -> None:
    leads = [lead("a", timestamp_last_contact=at(12), workspace_id="v")]
    assert audit(leads, FOUND, block=[blocked("a@clinic.example", 10)]) == []


def test_the_summary_of_the_audit_counts_contacts_without_naming_them() -> None:
    def finding(email: str, kind: str, **values: Any) -> Row:
        return {
            "workspace_id": "w",
            "email": email,
            "finding": kind,
            "suppressed_by": "unsubscribed",
            "is_certain": True,
            "contacts_after": 2 if kind == "contacted" else 0,
            "imports_after": 1,
        } | values

    rows = [
        finding("a", "contacted", last_contacted_at=at(9), last_imported_at=at(4)),
        finding("b", "contacted", last_contacted_at=at(8), last_imported_at=at(3)),
        finding("c", "contacted", last_contacted_at=at(8), is_certain=False, imports_after=0),
        finding("d", "imported", last_imported_at=at(5)),
    ]
    select = "finding, is_certain, contacts, contacts_after, imports_after, day(last_at)"
    found = expect("rpt_suppression_summary", {"marts.rpt_suppression_audit": rows}, select,
                   "finding, is_certain desc")  # fmt: skip
    assert [tuple(row.values()) for row in found] == [
        ("contacted", True, 2, 4, 2, 9), ("contacted", False, 1, 2, 0, 8), ("imported", True, 1, 0, 1, 5),
    ]  # fmt: skip


# --- pressure

CAMPAIGNS = [{"workspace_id": "w", "id": f"c{n}", "name": f"C{n}", "status": 1, "_key": f"c{n}"} for n in range(1, 5)]


def pressure(leads: list[Row], *, campaigns: list[Row] = CAMPAIGNS, thresholds: bool = True) -> list[tuple[Any, ...]]:
    given: dict[str, list[Row]] = {
        "raw.leads": leads, "raw.campaigns": campaigns, "history.leads": [version(row, 20) for row in leads],
    }  # fmt: skip
    if not thresholds:
        given["seeds.thresholds"] = []
    found = expect("rpt_contact_pressure", given,
                   "email, pressure, active_campaigns, campaigns_contacted_30d, campaigns, leads", "email")  # fmt: skip
    return [tuple(row.values()) for row in found]


def test_campaigns_at_once_and_campaigns_that_wrote_lately_are_counted_per_contact() -> None:
    leads = [
        lead("a1", "bo@x.example", campaign="c1", timestamp_last_contact=at(20)),
        lead("a2", "Bo@x.example", campaign="c2", timestamp_last_contact=at(21), status=3),
        lead("a3", "bo@x.example", campaign="c3", status=1),
        lead("a4", "bo@x.example"),  # in a list
        lead("b1", "one@x.example", campaign="c1", timestamp_last_contact=at(20)),
        lead("c1", "old@x.example", campaign="c1", status=3, timestamp_last_contact=at(1)),
        lead("d1", "gone@x.example", campaign="c1", _deleted_at=at(25)),
    ]  # fmt: skip
    assert pressure(leads) == [("bo@x.example", "amber", 2, 2, 3, 4), ("one@x.example", "green", 1, 1, 1, 1)]


def test_an_e_mail_by_a_campaign_the_lead_has_left_counts() -> None:
    leads = [lead("a1", "bo@x.example", timestamp_last_contact=at(20)),
             lead("a2", "bo@x.example", campaign="c1", timestamp_last_contact=at(21))]  # fmt: skip
    assert pressure(leads) == [("bo@x.example", "amber", 1, 2, 1, 2)]


def test_three_campaigns_are_red_and_without_thresholds_nothing_is_judged() -> None:
    leads = [lead(f"a{n}", "bo@x.example", campaign=f"c{n}") for n in (1, 2, 3)]
    assert pressure(leads) == [("bo@x.example", "red", 3, 0, 3, 3)]
    assert pressure(leads, thresholds=False) == [("bo@x.example", "grey", 3, 0, 3, 3)]


def test_a_campaign_that_is_paused_or_gone_presses_nobody() -> None:
    off = [CAMPAIGNS[0] | {"status": 2}, CAMPAIGNS[1] | {"_deleted_at": at(9)}, CAMPAIGNS[2]]
    leads = [lead(f"a{n}", "bo@x.example", campaign=f"c{n}") for n in (1, 2, 3)]
    assert pressure(leads, campaigns=off) == [("bo@x.example", "green", 1, 0, 3, 3)]


def test_thirty_days_end_where_the_workspace_was_last_read() -> None:
    rows = [lead("in", campaign="c1", status=3, timestamp_last_contact=at(1, 13)),
            lead("out", campaign="c1", status=3, timestamp_last_contact=at(1, 11))]  # fmt: skip
    assert [row[0] for row in pressure(rows)] == ["in@clinic.example"]

"""Variants and steps: verdicts and flags, from rows one can work out by hand."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from instantly_pipeline.warehouse.models.variant_posterior import variant_posteriors
from tests.warehouse.marts.given import Given, Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}
C = W | {"campaign_id": "c"}


def arm(variant: str, sent: int, replies: int, step: str = "0", **more: Any) -> Row:
    return (
        C | {"step": step, "variant": variant, "sent": sent, "unique_replies": replies, "_key": step + variant} | more
    )


def variants(*arms: Row, select: str, **given: Any) -> list[tuple[Any, ...]]:
    rows = expect("rpt_variant_performance", {"raw.step_analytics_lifetime": arms} | given, f"variant, {select}")
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize(
    ("arms", "verdicts"),
    [
        ([("0", 500, 30)], ["only variant"]),
        ([("0", 99, 30), ("1", 500, 2)], ["too early"] * 2),
        ([("0", 500, 5), ("1", 500, 4)], ["too early"] * 2),
        ([("0", 463, 7), ("1", 478, 4)], ["slightly ahead", "undecided"]),
        ([("0", 100, 9), ("1", 100, 1)], ["slightly ahead", "undecided"]),
        ([("0", 2000, 40), ("1", 2000, 20)], ["slightly ahead", "undecided"]),
        ([("0", 4000, 80), ("1", 4000, 40)], ["winner", "worse"]),
        ([("0", 2000, 100), ("1", 2000, 20)], ["winner", "worse"]),
        ([("0", 2000, 100), ("1", 2000, 20), ("2", 2000, 21)], ["winner", "worse", "worse"]),
        ([("0", 90000, 2700), ("1", 90000, 2700)], ["as good"] * 2),
        ([("0", 90000, 2700), ("1", 90000, 2700), ("2", 90000, 900)], ["as good", "as good", "worse"]),
        ([("0", 150, 9), ("1", 150, 9)], ["undecided"] * 2),
    ],
)
def test_a_verdict_needs_e_mails_replies_and_a_chance_that_hardly_leaves_a_doubt(
    arms: list[tuple[str, int, int]], verdicts: list[str]
) -> None:
    found = variants(*(arm(*one) for one in arms), select="verdict, verdict_reason")
    assert [row[1] for row in found] == verdicts, found
    assert all(row[2] for row in found)


def test_the_rules_are_the_users() -> None:
    rules = [
        {"mart": "rpt_variant_performance", "rule": rule, "value": value}
        for rule, value in (
            ("min_chance_best", 0.9),
            ("max_relative_loss", 9),
            ("min_chance_ahead", 0),
            ("min_sent", 1),
            ("min_replies", 0),
        )
    ]
    found = variants(arm("0", 5, 0), arm("1", 5, 0), select="verdict", **{"seeds.rules": rules})
    assert found == [("0", "as good"), ("1", "as good")]


def test_the_figures_are_those_of_the_posterior_and_the_prior_is_the_workspaces_own() -> None:
    arms = [arm("0", 400, 12), arm("1", 380, 5), arm("0", 300, 2, step="1")]
    other = [row | {"workspace_id": "x", "unique_replies": 0} for row in arms]
    found = expect(
        "rpt_variant_performance", {"raw.step_analytics_lifetime": [*arms, *other]}, order="1, step, variant"
    )
    wanted = variant_posteriors(["c/0", "c/0", "c/1"], [400, 380, 300], [12, 5, 2])
    for row, posterior in zip(found[:3], wanted, strict=True):
        assert {name: row[name] for name in posterior} == posterior
    assert found[3]["prior_a"] != found[0]["prior_a"]
    assert [row["variants"] for row in found] == [2, 2, 1] * 2
    assert found[0]["share_of_sent"] == pytest.approx(400 / 780)
    assert found[0]["replies_per_sent"] == 0.03


def test_what_matches_no_step_or_never_sent_is_no_variant() -> None:
    none = arm("0", 9, 9) | {"step": None, "variant": None, "_key": "n"}
    assert variants(none, arm("0", 0, 0), arm("1", 7, 1), select="sent") == [("1", 7)]


def test_more_replies_than_e_mails_are_shown_and_do_not_break_the_posterior() -> None:
    assert variants(arm("0", 3, 5), select="unique_replies, posterior_mean < 1") == [("0", 5, True)]


@pytest.mark.parametrize(
    ("sends", "uneven"), [((100, 100), False), ((110, 90), False), ((300, 100), True), ((2, 0), False), ((90,), False)]
)
def test_variants_sent_unequally_beyond_chance_are_flagged(sends: tuple[int, ...], uneven: bool) -> None:
    found = variants(*(arm(str(i), sent, 1) for i, sent in enumerate(sends)), select="is_uneven")
    assert {row[1] for row in found} == {uneven}


def test_replies_that_are_not_known_give_no_verdict() -> None:
    found = variants(arm("0", 500, 9), arm("1", 500, 0, unique_replies=None), select="verdict, verdict_reason")
    assert found[1] == ("1", "too early", "its replies are not known")


def campaign_version(day: int, *subjects: str, last: bool = False, **more: Any) -> Row:
    steps = [{"delay": 3, "variants": [{"subject": subject, "body": "Hi"} for subject in subjects]}]
    return {
        "workspace_id": "w",
        "id": "c",
        "_key": "c",
        "_op": "upsert",
        "_valid_from": f"2026-02-{day:02} 06:00:00+00",
        "_valid_to": None if last else f"2026-02-{day + 1:02} 06:00:00+00",
        "sequences": json.dumps([{"steps": steps}]),
    } | more


@pytest.mark.parametrize(("first_sent", "changed"), [("2026-02-01", True), ("2026-02-20", False), (None, True)])
def test_a_text_changed_after_its_first_e_mail_is_flagged(first_sent: str | None, changed: bool) -> None:
    given: dict[str, Any] = {
        "history.campaigns": [campaign_version(3, "Old", "Same"), campaign_version(9, "New ✂", "Same", last=True)],
        "intermediate.int_step_day": [],
    }
    if first_sent:
        given["intermediate.int_step_day"] = [C | {"step": "0", "variant": "0", "sent": 1, "date": first_sent}]
    found = variants(
        arm("0", 9, 0), arm("1", 9, 0), select="subject, copy_changed, copy_changed_at::date::varchar", **given
    )
    assert found == [("0", "New ✂", changed, "2026-02-09"), ("1", "Same", False, None)]


def test_a_variant_taken_out_or_switched_off_is_said_to_be_so() -> None:
    off = json.dumps([{"steps": [{"variants": [{"subject": "A", "v_disabled": True}]}]}])
    history = [campaign_version(3, "A", "B"), campaign_version(9, last=True, sequences=off)]
    given = {"history.campaigns": history, "raw.campaigns": [W | {"id": "c", "auto_variant_select": '{"trigger":"x"}'}]}
    found = variants(arm("0", 9, 0), arm("1", 9, 0), select="is_in_use, is_disabled, is_picked_by_platform", **given)
    assert found == [("0", True, True, True), ("1", False, False, True)]


@pytest.mark.parametrize(
    "sequences",
    [
        '"none"',
        "[]",
        '[{"steps": {}}]',
        '[{"steps": [null, "x", [], {"variants": [null, 1]}]}]',
        '[{"steps": [{"variants": "x"}]}]',
        None,
    ],
)
def test_sequences_of_another_shape_do_not_break_the_texts(sequences: str | None) -> None:
    assert variants(
        arm("0", 9, 0), select="subject", **{"history.campaigns": [campaign_version(3, sequences=sequences)]}
    ) == [("0", None)]


def test_an_older_form_has_its_text_in_the_step() -> None:
    old = json.dumps([{"steps": [{"subject": "A", "delay_days": 4}, {"subject": "B"}]}])
    found = expect(
        "int_variant_copy",
        {"history.campaigns": [campaign_version(3, sequences=old, last=True)]},
        "step, variant, subject, delay_days, is_current",
    )
    assert [tuple(row.values()) for row in found] == [("0", "0", "A", 4, True), ("1", "0", "B", 0, True)]


@pytest.mark.parametrize(
    ("step", "days"),
    [
        ({"delay": 2}, 2),
        ({"delay": 36, "delay_unit": "hours"}, 1.5),
        ({"delay": 720, "delay_unit": "minutes"}, 0.5),
        ({"delay": 2, "delay_unit": "days"}, 2),
        ({"delay": 1e15}, 3650),
        ({"delay": -4}, 0),
        ({"delay": "x"}, 0),
        ({}, 0),
    ],
)
def test_a_wait_is_in_days_whatever_its_unit(step: dict[str, Any], days: float) -> None:
    history = [campaign_version(3, sequences=json.dumps([{"steps": [step]}]), last=True)]
    assert expect("int_variant_copy", {"history.campaigns": history}, "delay_days") == [{"delay_days": days}]


# --- steps


def steps(*rows: Row, select: str, **given: Any) -> list[tuple[Any, ...]]:
    found = expect("rpt_step_dropoff", {"raw.step_analytics_lifetime": rows} | given, select, order="step_number")
    return [tuple(row.values()) for row in found]


def test_a_step_is_set_against_the_first_and_its_replies_add_up() -> None:
    found = steps(
        arm("0", 600, 12),
        arm("1", 400, 8),
        arm("0", 800, 10, step="2"),
        arm("0", 500, 0, step="10"),
        arm("0", 0, 4) | {"step": None, "variant": None},
        select="step_number, sent, share_of_first_step, unique_replies, replies_per_1000, share_of_replies, "
        "cumulative_share_of_replies",
    )
    assert found == [
        (1, 1000, 1, 20, 20, pytest.approx(2 / 3), pytest.approx(2 / 3)),
        (3, 800, 0.8, 10, 12.5, pytest.approx(1 / 3), 1),
        (11, 500, 0.5, 0, 0, 0, 1),
    ]


@pytest.mark.parametrize(
    ("sent", "replies", "verdict"),
    [
        (99, 50, "too early"),
        (1000, 10, "worth it"),  # 5.4 to 18.3 per 1,000
        (1000, 9, "doubtful"),  # 4.7 to 17.0
        (1000, 5, "doubtful"),
        (1000, 1, "doubtful"),  # 0.2 to 5.6
        (1000, 0, "not worth it"),
        (1500, 2, "not worth it"),  # 0.4 to 4.9
        (100, 4, "doubtful"),  # 15.7 to 98.4, of four replies
        (100, 5, "worth it"),
        (100, 0, "doubtful"),
    ],
)
def test_a_step_is_worth_it_or_not_by_the_same_evidence(sent: int, replies: int, verdict: str) -> None:
    assert steps(arm("0", sent, replies), select="verdict") == [(verdict,)]


def test_a_step_in_doubt_says_what_it_brought() -> None:
    assert steps(arm("0", 1000, 4), select="verdict, verdict_reason") == [
        ("doubtful", "4.0 replies per 1,000 (1.6 to 10.2), worth it from 5.0 on")
    ]
    assert steps(arm("0", 99, 4), select="verdict_reason") == [("needs 100 sent, so far 99",)]
    assert steps(arm("0", 900, 0, unique_replies=None), select="verdict_reason") == [("its replies are not known",)]


def test_a_step_that_is_just_worth_it_is_seldom_called_anything_but_doubtful() -> None:
    """Right at the limit neither verdict is true; each comes up about as often as the 95 % interval misses."""
    rng = random.Random(3)
    rows = [
        arm("0", sent, sum(rng.random() < 0.005 for _ in range(sent))) | {"campaign_id": f"c{n}", "_key": str(n)}
        for n, sent in enumerate([200, 500, 1000, 2000, 4000] * 40)
    ]
    found = [row[0] for row in steps(*rows, select="verdict")]
    assert found.count("worth it") <= 14
    assert found.count("not worth it") <= 14


def test_the_interval_of_replies_is_wilsons_times_a_thousand() -> None:
    [(low, high)] = steps(arm("0", 1000, 40), select="replies_per_1000_low, replies_per_1000_high")
    assert (low, high) == (pytest.approx(29.51, abs=0.01), pytest.approx(54.01, abs=0.01))


def test_a_step_says_how_long_the_sequence_waits_before_it() -> None:
    two = json.dumps([{"steps": [{"delay": 3}, {"delay": 9}]}])
    given: Given = {"history.campaigns": [campaign_version(3, sequences=two, last=True)]}
    found = steps(arm("0", 9, 0), arm("0", 9, 0, step="1"), select="step, days_after_step_before", **given)
    assert found == [("0", None), ("1", 3)]


def test_a_campaign_without_any_reply_has_no_shares_of_replies() -> None:
    assert steps(arm("0", 500, 0), select="share_of_replies, cumulative_share_of_replies") == [(None, None)]

"""Texts pooled over campaigns, from rows that can be counted by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.warehouse.marts.given import Row, expect

pytestmark = pytest.mark.medium


def arm(campaign: str, variant: str, sent: int, replies: int, step: str = "0", **more: Any) -> Row:
    """A row of raw.step_analytics_lifetime."""
    return {"workspace_id": "w", "campaign_id": campaign, "step": step, "variant": variant, "sent": sent,
            "unique_replies": replies, "unique_opportunities": 1, "meetings_booked": 1, "won": 0,
            "_key": campaign + step + variant} | more  # fmt: skip


def campaign(campaign_id: str, *steps: list[dict[str, Any]], day: int = 3, last: bool = True) -> Row:
    """A version of a campaign with the variants of its steps."""
    sequences = [{"steps": [{"variants": variants} for variants in steps]}]
    return {"workspace_id": "w", "id": campaign_id, "_key": campaign_id, "_op": "upsert",
            "_valid_from": f"2026-02-{day:02} 06:00:00+00",
            "_valid_to": None if last else f"2026-02-{day + 1:02} 06:00:00+00",
            "sequences": json.dumps(sequences)}  # fmt: skip


def text(subject: str | None, body: str | None, **more: Any) -> dict[str, Any]:
    return {"subject": subject, "body": body} | more


def copies(arms: list[Row], versions: list[Row], select: str, **given: Any) -> list[tuple[Any, ...]]:
    tables = {"raw.step_analytics_lifetime": arms, "history.campaigns": versions} | given
    found = expect("rpt_copy_performance", tables, select, "in_subsequences, sent desc, first_words")
    return [tuple(row.values()) for row in found]


HI = text("Quick question", "<div>Hi {{firstName}},</div><div>an  idea&nbsp;for you</div>")
FIGURES = "sent, unique_replies, unique_opportunities, meetings_booked, won"


def test_the_same_text_is_one_row_whatever_its_markup_and_wherever_it_is_used() -> None:
    same = text(" quick  QUESTION", "<p>Hi {{firstName}}, <b>an idea</b> for\nyou</p>")
    other = text("Quick question", "Hi {{firstName}}, another idea for you")
    found = copies(
        [arm("c1", "0", 100, 4), arm("c1", "1", 80, 1), arm("c2", "0", 300, 6, step="1", won=1)],
        [campaign("c1", [HI, other]), campaign("c2", [other], [same])],
        f"first_words, campaigns, variants, step_numbers, {FIGURES}, replies_per_sent, opportunities_per_sent",
    )
    assert found == [
        ("Hi {{firstName}}, an idea for you", 2, 2, "1, 2", 400, 10, 2, 2, 1, 0.025, 0.005),
        ("Hi {{firstName}}, another idea for you", 1, 1, "1", 80, 1, 1, 1, 0, 0.0125, 0.0125),
    ]


def test_another_subject_or_another_first_word_is_another_text() -> None:
    texts = [HI, text("Other", HI["body"]), text(None, HI["body"]), text("Quick question", None)]
    arms = [arm("c1", str(n), 10 - n, 0) for n in range(4)]
    found = copies(arms, [campaign("c1", texts)], "subject, first_words is null, sent")
    assert found == [("Quick question", False, 10), ("Other", False, 9), (None, False, 8), ("Quick question", True, 7)]


def test_figures_of_several_texts_are_left_out_and_said_to_be() -> None:
    old, new = text("Old", "Hello"), text("New", "Hello again")
    versions = [campaign("c1", [old], last=False), campaign("c1", [new], day=9), campaign("c2", [new])]
    day = {"workspace_id": "w", "step": "0", "variant": "0", "sent": 1, "date": "2026-02-05"}
    found = copies(
        [arm("c1", "0", 500, 50), arm("c2", "0", 200, 2)], versions, f"subject, variants, changed_variants, {FIGURES}",
        **{"intermediate.int_step_day": [day | {"campaign_id": "c1"}, day | {"campaign_id": "c2"}]},
    )  # fmt: skip
    assert found == [("New", 2, 1, 200, 2, 1, 1, 0)]


def test_what_is_not_known_of_one_variant_is_not_known_of_the_text() -> None:
    arms = [arm("c1", "0", 100, 4), arm("c2", "0", 50, 2, unique_opportunities=None, won=None)]
    found = copies(arms, [campaign("c1", [HI]), campaign("c2", [HI])], f"{FIGURES}, opportunities_per_sent")
    assert found == [(150, 6, None, 2, None, None)]


def test_figures_without_a_known_text_are_of_no_text() -> None:
    assert copies([arm("c1", "0", 100, 4), arm("c1", "1", 9, 0)], [campaign("c1", [text("", " ")])], "sent") == []


def test_a_text_in_a_subsequence_is_a_row_of_its_own() -> None:
    sub = campaign("s", [HI]) | {"parent_campaign": "c1"}
    given = {
        "raw.subsequences": [{"workspace_id": "w", "id": "s", "parent_campaign": "c1", "name": "Sub", "_key": "s"}],
        "raw.subsequence_step_analytics": [{"workspace_id": "w", "subsequence_id": "s", "step": "0", "variant": "0",
                                            "sent": 20, "unique_replies": 9, "_key": "s"}],
        "history.subsequences": [sub],
    }  # fmt: skip
    found = copies([arm("c1", "0", 100, 4)], [campaign("c1", [HI])], f"in_subsequences, {FIGURES}", **given)
    assert found == [(False, 100, 4, 1, 1, 0), (True, 20, 9, None, None, None)]


def test_a_text_is_in_use_while_one_variant_sends_it() -> None:
    off = [campaign("c1", [HI | {"v_disabled": True}]), campaign("c2", [HI], last=False), campaign("c2", day=9)]
    assert copies([arm("c1", "0", 9, 0), arm("c2", "0", 9, 0)], off, "is_in_use") == [(False,)]
    assert copies([arm("c1", "0", 9, 0)], [campaign("c1", [HI])], "is_in_use") == [(True,)]


def test_steps_and_variants_say_what_they_brought() -> None:
    given = {"raw.step_analytics_lifetime": [
        arm("c1", "0", 100, 4, unique_opportunities=3, meetings_booked=2, won=1), arm("c1", "1", 90, 2, won=None),
    ]}  # fmt: skip
    found = expect("rpt_variant_performance", given, "unique_opportunities, meetings_booked, won", "variant")
    assert [tuple(row.values()) for row in found] == [(3, 2, 1), (1, 1, None)]
    found = expect("rpt_step_dropoff", given, "unique_opportunities, meetings_booked, won")
    assert [tuple(row.values()) for row in found] == [(4, 3, None)]

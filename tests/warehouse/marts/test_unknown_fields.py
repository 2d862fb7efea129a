"""What each mart says without an optional field that it needs, or without a stream that was not read.

Live answers leave out what is null and what is false, and older ones lack newer fields. Unknown is null: never a zero,
never "fine". A day without a row is a zero all the same, for days without activity are left out; so is a key that is
missing from the figures of a warmup. A null that the API uses to say "none" stays none.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.marts.fields_world import DAYS, FIGURES, records, world
from tests.warehouse.marts.given import Given, answers, expect

pytestmark = pytest.mark.whole

Row = tuple[str, str, str, Any, Any]


def table(name: str) -> list[Row]:
    """What is missing, mart, column (over all its rows), what is said with it, what is said without; values as JSON."""
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return [(missing, mart, column, json.loads(a), json.loads(b)) for missing, mart, column, a, b in rows]


WITHOUT_FIELDS = table("without_fields.csv")
WITHOUT_STREAMS = table("without_streams.csv")
GROUPS = list(dict.fromkeys(fields for fields, *_ in WITHOUT_FIELDS))
# the others with `make test-all`: each rebuilds the marts
OFTEN = ("leads.", "accounts.", "campaigns.sequences", "step_analytics_lifetime.", "account_daily_analytics.bounced")


def _groups() -> list[Any]:
    slow = pytest.mark.slow
    return [pytest.param(g, id=g, marks=() if g.startswith(OFTEN) else slow) for g in GROUPS]


def said(given: Given, asked: list[tuple[str, str]]) -> list[Any]:
    """What each (mart, column) says, in that order."""
    return answers([(mart, f"select {column} from marts.{mart}") for mart, column in asked], given)


@cache
def said_in_full() -> Mapping[tuple[str, str], Any]:
    """What is said when nothing is missing."""
    asked = [(mart, column) for _, mart, column, _, _ in (*WITHOUT_FIELDS, *WITHOUT_STREAMS)]
    return dict(zip(asked, said(world(), asked), strict=True))


@pytest.mark.parametrize("fields", _groups())
def test_without_a_field_a_mart_says_what_it_knows_and_no_more(fields: str) -> None:
    rows = [row for row in WITHOUT_FIELDS if row[0] == fields]
    asked = [(mart, column) for _, mart, column, _, _ in rows]
    assert [said_in_full()[one] for one in asked] == [row[3] for row in rows]
    assert said(world(*fields.split()), asked) == [row[4] for row in rows]


@pytest.mark.parametrize("stream", list(dict.fromkeys(stream for stream, *_ in WITHOUT_STREAMS)))
def test_of_a_stream_that_was_not_read_nothing_is_said(stream: str) -> None:
    rows = [row for row in WITHOUT_STREAMS if row[0] == stream]
    asked = [(mart, column) for _, mart, column, _, _ in rows]
    assert [said_in_full()[one] for one in asked] == [row[3] for row in rows]
    assert said(world(unread=(stream,)), asked) == [row[4] for row in rows]


def test_a_day_that_lacks_a_figure_leaves_the_week_unknown_and_a_day_without_a_row_does_not() -> None:
    days = [{"campaign_id": "c", "date": day, **FIGURES} for day in DAYS]
    del days[1]["new_leads_contacted"]
    found = expect("fct_campaign_daily", world(streams={"daily_analytics": days}), "new_leads_contacted_7d, sent_7d")
    assert [tuple(row.values()) for row in found] == [(10, 20), (None, 40), (None, 60)]
    found = expect("fct_campaign_daily", world(streams={"daily_analytics": days[::2]}), "new_leads_contacted_7d")
    assert [row["new_leads_contacted_7d"] for row in found] == [10, 20]


def test_one_variant_whose_replies_are_not_known_leaves_its_step_without_a_verdict() -> None:
    steps = [dict(row) for row in records()["step_analytics_lifetime"]]
    del steps[0]["unique_replies"]
    found = expect(
        "rpt_variant_performance", world(streams={"step_analytics_lifetime": steps}), "variant_letter, verdict, step"
    )
    assert {row["verdict"] for row in found if row["step"] == "0"} == {"too early"}

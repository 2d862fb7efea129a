"""How often verdicts are false when nothing is to be found: equal variants that are looked at again and again."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence

import numpy as np
import pytest

from instantly_pipeline.warehouse.models.variant_posterior import FIELDS, variant_posteriors
from tests.warehouse.lake_writer import SQL
from tests.warehouse.marts.given import Row, expect

CHANCE, BEATEN = FIELDS.index("chance_best"), FIELDS.index("chance_beaten")


def rules() -> dict[str, float]:
    with (SQL / "seeds" / "rules.csv").open(encoding="utf-8", newline="") as file:
        return {row["rule"]: float(row["value"]) for row in csv.DictReader(file) if "variant" in row["mart"]}


def simulated(
    rates: Sequence[float], *, tests: int, every: int, looks: int, seed: int
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """E-mails of each variant at each look, and replies by test, look and variant."""
    drawn = np.random.default_rng(seed).binomial(every, np.array(rates), (tests, looks, len(rates)))
    return every * np.arange(1, looks + 1), drawn.cumsum(axis=1)


def verdicts(rates: Sequence[float], *, tests: int, every: int, looks: int, seed: int = 1) -> list[set[str]]:
    """By the mart's own SQL: the verdicts that any variant of a test had at any look, each look a workspace."""
    sent, replies = simulated(rates, tests=tests, every=every, looks=looks, seed=seed)
    rows: list[Row] = [
        {
            "workspace_id": f"{test} {look}", "sequence_id": f"{test}", "campaign_id": f"{test}", "step": "0",
            "variant": f"{variant}", "sent": int(sent[look]), "unique_replies": int(replies[test, look, variant]),
        }
        for test in range(tests) for look in range(looks) for variant in range(len(rates))
    ]  # fmt: skip
    found: list[set[str]] = [set() for _ in range(tests)]
    given = {"intermediate.int_step_total": rows}
    for row in expect("rpt_variant_performance", given, "campaign_id, verdict, variant"):
        best = int(row["variant"]) == int(np.argmax(rates))
        found[int(row["campaign_id"])].add(row["verdict"] if best else f"other {row['verdict']}")
    return found


def share_with(found: Sequence[set[str]], *verdicts: str) -> float:
    return sum(bool(one & set(verdicts)) for one in found) / len(found)


@pytest.mark.medium
@pytest.mark.parametrize("variants", [2, 3])
def test_equal_variants_hardly_ever_have_a_winner_at_any_of_their_looks(variants: int) -> None:
    found = verdicts([0.05] * variants, tests=80, every=400, looks=10)
    assert share_with(found, "winner", "other winner") <= 0.05
    assert share_with(found, "worse", "other worse") <= 0.05
    assert share_with(found, "slightly ahead", "other slightly ahead") > 0.3  # the looks do look at something


@pytest.mark.medium
def test_a_variant_twice_as_good_wins_and_hardly_ever_the_other_one() -> None:
    found = verdicts([0.01, 0.02], tests=60, every=500, looks=10)
    assert share_with(found, "winner") > 0.85
    assert share_with(found, "other winner") <= 0.02


def looked_at(
    rates: Sequence[float], *, tests: int, every: int, upto: int, is_mixed: bool = False, seed: int = 2
) -> tuple[float, float]:
    """Shares of tests with a winner and with a worse variant at any look, by the rules, without SQL.

    The prior is fitted to the test alone; if `is_mixed`, also to two steps of quite other rates, which makes it weak.
    """
    rule, k = rules(), len(rates)
    sent, replies = simulated(rates, tests=tests, every=every, looks=upto // every, seed=seed)
    won = beaten = 0
    for test in range(tests):
        has_won = has_beaten = False
        for n, x in zip(sent, replies[test], strict=True):
            if n < rule["min_sent"] or x.sum() < rule["min_replies"] or _is_far_from(x):
                continue
            found = _posteriors(
                f"{test}", [int(n)] * k, [int(v) for v in x], float(np.mean(rates)) if is_mixed else None
            )
            has_won |= max(one["chance_best"] for one in found) >= rule["min_chance_best"]
            needed = (1 - rule["min_chance_best"]) / (k * (k - 1) / 2)
            has_beaten |= 1 - max(one["chance_beaten"] for one in found) <= needed
        won, beaten = won + has_won, beaten + has_beaten
    return won / tests, beaten / tests


def _is_far_from(replies: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> bool:
    """Whether the two extremes are nearer than any verdict; the prior only draws them nearer still."""
    low, high = int(replies.min()), int(replies.max())
    return high - low < 2.3 * math.sqrt(high + low)


def _posteriors(test: str, sent: list[int], replies: list[int], rate: float | None) -> list[dict[str, float]]:
    if rate is None:
        return variant_posteriors([test] * len(sent), sent, replies)
    others = [round(10_000 * rate * factor) for factor in (0.05, 4)]
    found = variant_posteriors([test] * len(sent) + ["a", "b"], [*sent, 10_000, 10_000], [*replies, *others])
    assert found[0]["prior_a"] + found[0]["prior_b"] < 200
    return found[: len(sent)]


@pytest.mark.slow
@pytest.mark.parametrize("every", [25, 125], ids=["daily", "weekly"])
@pytest.mark.parametrize("variants", [2, 3, 4])
@pytest.mark.parametrize("rate", [0.005, 0.011, 0.05])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_false_winners_stay_below_five_of_a_hundred_over_all_looks(
    rate: float, variants: int, every: int, is_mixed: bool
) -> None:
    won, beaten = looked_at([rate] * variants, tests=400, every=every, upto=5000, is_mixed=is_mixed)
    assert won <= 0.05
    assert beaten <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("upto", "power"), [(2000, 0.25), (3000, 0.45), (5000, 0.8)])
def test_one_against_two_per_cent_is_found(upto: int, power: float) -> None:
    won, _ = looked_at([0.01, 0.02], tests=400, every=125, upto=upto)
    assert won >= power

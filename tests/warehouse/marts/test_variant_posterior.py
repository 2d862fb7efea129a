"""The posterior against closed forms: what the draws say is what calculus says, within their own error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from instantly_pipeline.warehouse.models.variant_posterior import (
    DRAWS,
    STRONGEST,
    WEAKEST,
    compared,
    prior,
    variant_posteriors,
)

MEAN, LOW, HIGH, CHANCE, LOSS, BEATEN = range(6)
ERROR = 4 * 0.5 / math.sqrt(DRAWS)  # four standard errors of a share taken from the draws


def beta(a: float, b: float) -> float:
    """The logarithm of the Beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def second_is_better(a1: int, b1: int, a2: int, b2: int) -> float:
    """P(second > first) of two Beta variables, as a finite sum over the second's whole-numbered a."""
    return sum(math.exp(beta(a1 + i, b1 + b2) - beta(1 + i, b2) - beta(a1, b1)) / (b2 + i) for i in range(a2))


def expected_loss_of_first(a1: int, b1: int, a2: int, b2: int) -> float:
    """E[max(second - first, 0)] in closed form."""
    mean1, mean2 = a1 / (a1 + b1), a2 / (a2 + b2)
    return mean2 * second_is_better(a1, b1, a2 + 1, b2) - mean1 * second_is_better(a1 + 1, b1, a2, b2)


@pytest.mark.parametrize(
    "shapes", [(1, 1, 1, 1), (3, 97, 8, 92), (12, 988, 13, 987), (40, 960, 20, 980), (2, 3, 30, 1)]
)
def test_chance_and_loss_of_two_variants_are_those_of_the_closed_form(shapes: tuple[int, int, int, int]) -> None:
    a1, b1, a2, b2 = shapes
    first, second = compared("c/0", np.array([a1, a2], float), np.array([b1, b2], float))
    better = second_is_better(*shapes)
    assert second[CHANCE] == pytest.approx(better, abs=ERROR)
    assert first[CHANCE] + second[CHANCE] == pytest.approx(1)
    leader, other = sorted((first, second), key=lambda one: -one[MEAN])
    assert leader[BEATEN] == 0.5
    if min(a1, a2) >= 3:  # the normal approximation needs a few replies
        assert other[BEATEN] == pytest.approx(max(better, 1 - better), abs=0.02)
    scale = max(math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))) for a, b in ((a1, b1), (a2, b2)))
    assert first[LOSS] == pytest.approx(expected_loss_of_first(a1, b1, a2, b2), abs=4 * scale / math.sqrt(DRAWS))
    assert second[LOSS] == pytest.approx(expected_loss_of_first(a2, b2, a1, b1), abs=4 * scale / math.sqrt(DRAWS))


def test_the_closed_form_itself_is_right_where_it_is_known() -> None:
    assert second_is_better(1, 1, 1, 1) == pytest.approx(0.5)
    assert second_is_better(1, 1, 2, 1) == pytest.approx(2 / 3)  # E[x] of Beta(2, 1)
    assert expected_loss_of_first(1, 1, 1, 1) == pytest.approx(1 / 6)


@pytest.mark.parametrize("a", [1, 4])
def test_the_interval_is_the_posteriors(a: int) -> None:
    [found] = compared("c/0", np.array([a], float), np.array([1.0]))
    assert found[MEAN] == pytest.approx(a / (a + 1))
    assert found[LOW] == pytest.approx(0.025 ** (1 / a), abs=0.015)
    assert found[HIGH] == pytest.approx(0.975 ** (1 / a), abs=0.015)
    assert (found[CHANCE], found[LOSS]) == (1, 0)


def test_three_alike_have_a_third_each() -> None:
    found = compared("c/0", np.full(3, 10.0), np.full(3, 90.0))
    assert [arm[CHANCE] for arm in found] == pytest.approx([1 / 3] * 3, abs=ERROR)


def test_the_prior_is_strong_where_variants_are_alike_and_weak_where_they_differ() -> None:
    n = np.full(6, 1000.0)
    a, b = prior(np.full(6, 20.0), n)
    assert (a + b, a / (a + b)) == pytest.approx((STRONGEST, 120.5 / 6001))
    a, b = prior(np.array([0, 0, 0, 300, 300, 300.0]), n)
    assert a + b == WEAKEST


def test_the_prior_finds_the_distribution_the_rates_were_drawn_from() -> None:
    rng = np.random.default_rng(5)
    n = np.full(2000, 500.0)
    a, b = prior(rng.binomial(500, rng.beta(6, 194, 2000)).astype(float), n)
    assert a / (a + b) == pytest.approx(0.03, rel=0.03)
    assert a + b == pytest.approx(200, rel=0.15)


def test_a_variant_that_nobody_answered_is_pulled_to_the_workspaces_rate() -> None:
    found = variant_posteriors(["c/0", "c/0", "c/1", "c/1"], [100, 100, 100, 100], [0, 4, 2, 2])
    assert 0 < found[0]["posterior_mean"] < found[2]["posterior_mean"] < found[1]["posterior_mean"]
    assert found[2]["posterior_mean"] == pytest.approx((found[2]["prior_a"] + 2) / (sum(_prior(found[2])) + 100))


def _prior(arm: dict[str, float]) -> tuple[float, float]:
    return arm["prior_a"], arm["prior_b"]


def test_the_same_figures_give_the_same_answer_whatever_the_order() -> None:
    groups, sent, repliers = ["c/0", "d/0", "c/0", "d/0"], [100, 300, 120, 280], [3, 9, 5, 4]
    found = variant_posteriors(groups, sent, repliers)
    assert variant_posteriors(groups, sent, repliers) == found
    turned = variant_posteriors(*([values[i] for i in (1, 3, 0, 2)] for values in (groups, sent, repliers)))  # type: ignore[arg-type]
    assert [turned[i] for i in (2, 0, 3, 1)] == found


@pytest.mark.parametrize(("sent", "repliers"), [([10], [0]), ([3], [9]), ([1, 1], [1, 1])])
def test_odd_counts_give_a_probability_all_the_same(sent: list[int], repliers: list[int]) -> None:
    for arm in variant_posteriors(["c/0"] * len(sent), sent, repliers):
        assert 0 < arm["posterior_low"] <= arm["posterior_mean"] <= arm["posterior_high"] < 1
        assert 0 <= arm["chance_best"] <= 1


@pytest.mark.parametrize("repliers", [0, 1_000_000])
def test_a_workspace_without_any_reply_has_means_inside_their_intervals(repliers: int) -> None:
    for arm in variant_posteriors(["c/0"] * 2, [1_000_000, 500], [repliers, min(repliers, 500)]):
        assert arm["posterior_low"] < arm["posterior_mean"] < arm["posterior_high"]

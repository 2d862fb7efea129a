"""Which variant of a step is best: the Beta-Binomial posterior of reply rates, as an SQL function.

`variant_posteriors(groups, sent, repliers)` takes the variants of one workspace as lists of equal length (`groups` says
which are compared with each other) and gives a list with one struct per variant. `int_variant_posterior.sql` is the one
model that calls it; its rows are stored in a table, so readers of the warehouse do not need the function.

The prior Beta(a, b) is fitted to all variants of the workspace by moments. Chance of being best, expected loss (the
replies per e-mail given up by choosing this variant) and the interval are taken from draws whose seed is the group's
name: the same figures give the same answer in every run, whatever else is in the warehouse. The chance that the leader
is better than a variant is near 1 where it matters, beyond what draws can tell; it comes from the normal approximation.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 5_000
# Bounds of the prior's weight in e-mails. Below, a few replies of a variant would dominate; above, 100 e-mails of its
# own would change nothing.
WEAKEST, STRONGEST = 20.0, 1000.0
LEAST = 0.5  # below, the mean of a rate near zero would lie outside of its own interval
RESULT = (
    "STRUCT(prior_a DOUBLE, prior_b DOUBLE, posterior_mean DOUBLE, posterior_low DOUBLE, posterior_high DOUBLE, "
    "chance_best DOUBLE, expected_loss DOUBLE, chance_beaten DOUBLE)[]"
)
FIELDS = (
    "prior_a", "prior_b", "posterior_mean", "posterior_low", "posterior_high", "chance_best", "expected_loss",
    "chance_beaten",
)  # fmt: skip


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Register `variant_posteriors` with a connection; it is not stored in the file."""
    if not con.execute("from duckdb_functions() where function_name = 'variant_posteriors'").fetchall():
        shapes: list[Any] = [con.type("VARCHAR[]"), con.type("BIGINT[]"), con.type("BIGINT[]")]
        con.create_function("variant_posteriors", variant_posteriors, shapes, con.type(RESULT))


def source() -> str:
    """The source of this module, since its results depend on it."""
    return Path(__file__).read_text(encoding="utf-8")


def variant_posteriors(groups: Sequence[str], sent: Sequence[int], repliers: Sequence[int]) -> list[dict[str, Any]]:
    """The posterior of each variant, in the given order. More replies than e-mails count as one reply per e-mail."""
    n = np.asarray(sent, dtype=np.float64)
    x = np.minimum(np.asarray(repliers, dtype=np.float64), n)
    a, b = prior(x, n)
    places: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        places.setdefault(group, []).append(i)
    found: list[dict[str, Any]] = [{}] * len(n)
    for group, at in places.items():
        for i, values in zip(at, compared(group, a + x[at], b + n[at] - x[at]), strict=True):
            found[i] = dict(zip(FIELDS, (a, b, *values), strict=True))
    return found


def prior(x: Floats, n: Floats) -> tuple[float, float]:
    """a and b of the Beta prior fitted to x of n: the pooled rate, stronger the more alike the variants are.

    By the moments of the beta-binomial: more variance between variants than binomial sampling gives a weaker prior.
    """
    total, k = float(n.sum()), len(n)
    mean = (float(x.sum()) + 0.5) / (total + 1)
    spread = float((n * (x / n - mean) ** 2).sum()) / (mean * (1 - mean)) if k else 0.0
    room = total - float((n * n).sum()) / total - (k - 1) if k > 1 else 0.0
    alike = (spread - (k - 1)) / room if room > 0 else 0.0
    strength = 1 / alike - 1 if alike > 0 else STRONGEST
    strength = min(max(strength, WEAKEST), STRONGEST)
    return max(mean * strength, LEAST), max((1 - mean) * strength, LEAST)


def compared(group: str, a: Floats, b: Floats) -> list[tuple[float, ...]]:
    """Of each Beta(a, b) of a group: mean, 2.5 % and 97.5 % quantile, chance of being best, expected loss, and the
    chance that the one with the highest mean is better (0.5 for that one itself)."""
    rng = np.random.default_rng(zlib.crc32(group.encode()))
    draws = rng.beta(a, b, size=(DRAWS, len(a)))
    arms = np.ascontiguousarray(draws.T)  # numpy is slow along the columns of many rows
    best = arms.max(axis=0)[:, np.newaxis]
    ordered = np.sort(arms, axis=1)
    low, high = quantile(ordered, 0.025), quantile(ordered, 0.975)
    chance = np.bincount(draws.argmax(axis=1), minlength=len(a)) / DRAWS
    loss = (best - draws).mean(axis=0)
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    leader = int(mean.argmax())
    scores = (mean[leader] - mean) / np.sqrt(variance[leader] + variance)
    beaten = [NormalDist().cdf(score) for score in scores]
    return [tuple(map(float, row)) for row in zip(mean, low, high, chance, loss, beaten, strict=True)]


def quantile(ordered: Floats, share: float) -> Floats:
    """The quantile of each sorted row, by linear interpolation; a quarter of the time of `np.quantile`."""
    before, part = divmod(share * (ordered.shape[1] - 1), 1)
    low, high = ordered[:, int(before)], ordered[:, int(before) + 1]
    found: Floats = low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)
    return found

"""When to retry a request: waits and budgets.

429s can last minutes, so they have a budget of time; meanwhile the limiter lets only one request probe, whatever the
waits here. All other errors have a budget of tries and time. Decisions depend on the type of the error alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from instantly_pipeline.errors import ConnectionFault, EdgeBlocked, RateLimited, Retriable


class CannotConnect(ConnectionFault):
    """No connection was made: no network, unknown host, refused, or a certificate that is not valid."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often one request is tried. All times are in seconds.

    Exponential backoff with full jitter: the wait after a fault is random between 0 and `base`, doubled with each fault
    up to `cap`. After a 429 it is `rate_base`, doubled with each up to `rate_cap`, plus up to 25 % jitter, unless the
    server says how long to wait.
    """

    base: float = 0.5
    cap: float = 60.0
    tries: int = 8
    budget: float = 300.0
    edge_tries: int = 4  # a block by user agent or IP address rarely goes away by itself
    unreached_tries: int = 3  # while the client has had no response at all: fail fast where there is no network
    rate_base: float = 0.5  # as the limiter's pauses, and their longest: a chain that works alone would resume later
    rate_cap: float = 8.0
    rate_budget: float = 900.0
    rate_doubt: float = 60.0  # of 429s, before a requested wait longer than `rate_budget` is believed


DEFAULT_RETRY = RetryPolicy()


class Attempts:
    """The failed tries of one request so far."""

    def __init__(self, policy: RetryPolicy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._faults = 0
        self._refusals = 0
        self._fault_seconds = 0.0
        self._refusal_seconds = 0.0

    @property
    def count(self) -> int:
        """Number of failed tries."""
        return self._faults + self._refusals

    @property
    def seconds(self) -> float:
        """Seconds spent in failed tries and the waits between them, without waits for the rate limiter."""
        return self._fault_seconds + self._refusal_seconds

    def wait_after(self, fault: Retriable, *, took: float, reached: bool) -> float | None:
        """Seconds to wait before the next try, or None when the budget is spent.

        `took` is the duration of the failed try in seconds, `reached` whether the client ever had a response.
        """
        if isinstance(fault, RateLimited):
            return self._after_refusal(fault, took)
        return self._after_fault(fault, took, reached=reached)

    def _after_refusal(self, fault: RateLimited, took: float) -> float | None:
        policy = self._policy
        wait = min(policy.rate_cap, policy.rate_base * 2.0 ** min(self._refusals, 30))
        wait *= self._rng.uniform(1.0, 1.25)
        requested = fault.retry_after
        # a very long wait may be in milliseconds: it is believed only after `rate_doubt` seconds of 429s
        if requested is not None and (requested <= policy.rate_budget or self._refusal_seconds > policy.rate_doubt):
            wait = requested + self._rng.uniform(0.0, 1.0)
        self._refusals += 1
        self._refusal_seconds += took
        if self._refusal_seconds + wait > policy.rate_budget:
            return None
        self._refusal_seconds += wait
        return wait

    def _after_fault(self, fault: Retriable, took: float, *, reached: bool) -> float | None:
        policy = self._policy
        wait = self._rng.uniform(0.0, min(policy.cap, policy.base * 2.0 ** min(self._faults, 30)))
        wait = max(wait, fault.retry_after or 0.0)
        self._faults += 1
        self._fault_seconds += took
        if self._faults >= self._max_tries(fault, reached=reached):
            return None
        if self._fault_seconds + wait > policy.budget:
            return None
        self._fault_seconds += wait
        return wait

    def _max_tries(self, fault: Retriable, *, reached: bool) -> int:
        if isinstance(fault, EdgeBlocked):
            return min(self._policy.edge_tries, self._policy.tries)
        if isinstance(fault, CannotConnect) and not reached:
            return min(self._policy.unreached_tries, self._policy.tries)
        return self._policy.tries

"""When to try again: waiting times and budgets of one request.

Refusals for speed (429) can last minutes, so they get a budget of time; the limiter lets only one request probe
meanwhile, whatever is waited here. Everything else gets a budget of tries and time. Decisions go by the type of the
error alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from instantly_pipeline.errors import ConnectionFault, EdgeBlocked, RateLimited, Retriable


class CannotConnect(ConnectionFault):
    """Not even a connection: no network, no such host, refused, or a certificate that does not fit."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often one request is tried. All times are in seconds.

    The wait after a fault is random between 0 and `base`, which doubles with each, up to `cap`; after a 429 it is
    `rate_base`, which doubles with each, up to `rate_cap`, and up to a quarter more, unless the server names a time.
    """

    base: float = 0.5
    cap: float = 60.0
    tries: int = 8
    budget: float = 300.0
    edge_tries: int = 4  # a block by user agent or address rarely lifts by itself
    unreached_tries: int = 3  # as long as the client never had an answer: no network should be a quick, clear error
    rate_base: float = 1.0
    rate_cap: float = 30.0  # no longer than the limiter's own pauses: who waits here does not see that it lifted
    rate_budget: float = 900.0
    rate_doubt: float = 60.0  # before a server is believed that names a longer wait than `rate_budget`


DEFAULT_RETRY = RetryPolicy()


class Attempts:
    """The tries of one request so far; `count` of them failed, over `seconds` including the waits."""

    def __init__(self, policy: RetryPolicy, rng: random.Random) -> None:
        self._policy = policy
        self._rng = rng
        self._faults = 0
        self._refusals = 0
        self._fault_seconds = 0.0
        self._refusal_seconds = 0.0

    @property
    def count(self) -> int:
        """How many tries failed."""
        return self._faults + self._refusals

    @property
    def seconds(self) -> float:
        """What the failed tries and the waits between them cost; waiting for one's turn is not in it."""
        return self._fault_seconds + self._refusal_seconds

    def wait_after(self, fault: Retriable, *, took: float, reached: bool) -> float | None:
        """Seconds to wait before the next try, or None when the budget is spent.

        `took` is what the failed try cost in seconds, `reached` whether the client ever had an answer from the server.
        """
        if isinstance(fault, RateLimited):
            return self._after_refusal(fault, took)
        return self._after_fault(fault, took, reached=reached)

    def _after_refusal(self, fault: RateLimited, took: float) -> float | None:
        policy = self._policy
        wait = min(policy.rate_cap, policy.rate_base * 2.0 ** min(self._refusals, 30))
        wait *= self._rng.uniform(1.0, 1.25)
        named = fault.retry_after
        # hours may be milliseconds: they are believed when a minute was not enough
        if named is not None and (named <= policy.rate_budget or self._refusal_seconds > policy.rate_doubt):
            wait = named + self._rng.uniform(0.0, 1.0)
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
        if self._faults >= self._tries(fault, reached=reached):
            return None
        if self._fault_seconds + wait > policy.budget:
            return None
        self._fault_seconds += wait
        return wait

    def _tries(self, fault: Retriable, *, reached: bool) -> int:
        if isinstance(fault, EdgeBlocked):
            return min(self._policy.edge_tries, self._policy.tries)
        if isinstance(fault, CannotConnect) and not reached:
            return min(self._policy.unreached_tries, self._policy.tries)
        return self._policy.tries

"""How long is waited, how often is tried, and when it is given up."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.api.retry import Attempts, CannotConnect, RetryPolicy
from instantly_pipeline.errors import ConnectionFault, EdgeBlocked, RateLimited, Retriable, ServerFault

from .fakes import FakeClock, client_of, run
from .server import Reply, Server, refusal


def waits(fault: Retriable, *, took: float = 0.0, reached: bool = True, seed: int = 1) -> list[float]:
    """The waits between tries that all fail so, until it is given up."""
    attempts = Attempts(RetryPolicy(), random.Random(seed))
    found: list[float] = []
    while (wait := attempts.wait_after(fault, took=took, reached=reached)) is not None:
        found.append(wait)
    assert attempts.count == len(found) + 1
    assert attempts.seconds == pytest.approx(sum(found) + took * attempts.count)
    return found


@given(st.integers())
def test_faults_are_tried_eight_times_with_waits_that_double_at_most(seed: int) -> None:
    found = waits(ServerFault("x"), seed=seed)
    assert len(found) == 7
    assert all(0 <= wait <= min(60, 0.5 * 2**n) for n, wait in enumerate(found))


def test_waits_differ_from_chain_to_chain() -> None:
    assert len({waits(ServerFault("x"), seed=seed)[0] for seed in range(20)}) == 20


def test_slow_faults_are_given_up_after_five_minutes() -> None:
    assert len(waits(ConnectionFault("x"), took=90.0)) == 3


def test_a_busy_server_gets_at_least_the_time_it_asks_for() -> None:
    assert all(wait >= 20 for wait in waits(ServerFault("x", retry_after=20.0)))


@given(st.integers())
def test_refusals_double_from_half_a_second_for_up_to_fifteen_minutes(seed: int) -> None:
    found = waits(RateLimited("x"), seed=seed)
    assert all(min(8, 0.5 * 2**n) <= wait <= 1.25 * min(8, 0.5 * 2**n) for n, wait in enumerate(found))
    assert 600 < sum(found) <= 900


def test_refusals_that_name_a_time_get_it() -> None:
    found = waits(RateLimited("x", retry_after=60.0))
    assert all(60 <= wait <= 61 for wait in found)
    assert len(found) == 14


def test_a_time_beyond_the_budget_is_not_waited_for() -> None:
    assert waits(ServerFault("x", retry_after=3600.0)) == []


def test_a_refusal_that_names_hours_is_believed_only_after_a_minute_of_tries() -> None:
    found = waits(RateLimited("x", retry_after=30_000.0))  # seconds, or half a minute in milliseconds?
    assert sum(found[:-1]) <= 60 < sum(found) < 100


def test_a_block_by_the_edge_is_tried_a_few_times() -> None:
    assert len(waits(EdgeBlocked("x"))) == 3


def test_no_connection_from_the_start_is_given_up_sooner() -> None:
    assert len(waits(CannotConnect("x"), reached=False)) == 2
    assert len(waits(CannotConnect("x"), reached=True)) == 7
    assert len(waits(ConnectionFault("x"), reached=False)) == 7


def test_refusals_do_not_use_up_the_budget_of_faults() -> None:
    attempts = Attempts(RetryPolicy(), random.Random(1))
    for _ in range(8):
        assert attempts.wait_after(RateLimited("x", retry_after=100.0), took=1.0, reached=True) is not None
    assert attempts.wait_after(ServerFault("x"), took=1.0, reached=True) is not None


def test_every_try_pays_for_a_token() -> None:
    async def main() -> float:
        clock = FakeClock()
        limiter = Limiter.for_cap(1, clock)
        async with (
            Server(Reply(b"", 500), Reply(b"", 500), Reply({})) as server,
            client_of(server, clock, limiter=limiter) as client,
        ):
            await client.get("/api/v2/x")
            return clock.monotonic()

    assert run(main()) == pytest.approx(2 * 60 / 0.9)


def test_waiting_for_a_token_does_not_use_up_the_budget() -> None:
    async def main() -> None:
        clock = FakeClock()
        limiter = Limiter.for_cap(1, clock)
        async with (
            Server(*[Reply(b"", 500)] * 7, Reply({"a": 1})) as server,
            client_of(server, clock, limiter=limiter) as client,
        ):
            assert await client.get("/api/v2/x") == {"a": 1}
            assert clock.monotonic() > RetryPolicy().budget

    run(main())


def test_a_refusal_slows_all_chains_down() -> None:
    async def main() -> tuple[float, float]:
        clock = FakeClock()
        limiter = Limiter(clock)
        limiter.recall({"per_minute": 600, "at": clock.now().isoformat()})
        replies = refusal(429, retry_after="40"), Reply({})
        async with Server(*replies) as server, client_of(server, clock, limiter=limiter) as client:
            first = asyncio.create_task(client.get("/api/v2/x"))
            while client.stats.responses_429 == 0:  # noqa: ASYNC110 the client has no event for it
                await asyncio.sleep(0.001)
            await client.get("/api/v2/y")
            at = clock.monotonic()
            await first
            return at, limiter.per_minute

    at, rate = run(main())
    assert at >= 40
    assert rate < 600


@pytest.mark.parametrize("named", ["3600", "259200", "-7", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_an_absurd_time_to_wait_fails_no_request_and_holds_none_up(named: str) -> None:
    async def main() -> float:
        clock = FakeClock()
        limiter = Limiter(clock)
        replies = refusal(429, retry_after=named), Reply({})
        async with Server(*replies) as server, client_of(server, clock, limiter=limiter) as client:
            await client.get("/api/v2/x")
            await client.get("/api/v2/y")
            return clock.monotonic()

    assert run(main()) < 5

"""The limiter waits in turn, keeps to the cap, lets one request probe, and remembers."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.errors import RateLimited

from .fakes import FakeClock, run


def times(limiter: Limiter, clock: FakeClock, count: int) -> list[float]:
    """When each of `count` requests of one chain goes out; each is answered at once."""

    async def main() -> list[float]:
        out = []
        for _ in range(count):
            turn = await limiter.acquire()
            out.append(clock.monotonic())
            limiter.accepted(turn)
        return out

    return run(main())


def known(per_minute: float, clock: FakeClock) -> Limiter:
    limiter = Limiter(clock)
    limiter.recall({"per_minute": per_minute})
    return limiter


@pytest.mark.medium
@settings(max_examples=40)
@given(st.integers(1, 700), st.lists(st.floats(0, 90), max_size=8))
def test_no_minute_sees_more_requests_than_the_cap(cap: int, pauses: list[float]) -> None:
    clock = FakeClock()
    limiter = Limiter.for_cap(cap, clock)
    sent: list[float] = []
    for pause in [*pauses, 0.0]:
        clock.time += pause
        sent += times(limiter, clock, cap // 4 + 2)
    for i, start in enumerate(sent):
        assert sum(1 for t in sent[i:] if t < start + 60) <= cap


def test_a_cap_below_one_request_a_minute_is_refused() -> None:
    with pytest.raises(ValueError, match="cap"):
        Limiter.for_cap(0, FakeClock())


def test_what_was_learned_does_not_lift_the_cap() -> None:
    clock = FakeClock()
    limiter = Limiter.for_cap(60, clock)
    limiter.recall({"per_minute": 6000})
    assert limiter.per_minute < 60
    assert times(limiter, clock, 60)[-1] > 59


def test_until_a_refusal_the_vendors_figure_is_believed() -> None:
    assert Limiter(FakeClock()).per_minute == 6000
    assert Limiter.for_cap(120, FakeClock()).per_minute < 120


def test_waiting_chains_are_served_in_turn() -> None:
    clock = FakeClock()
    limiter = known(60, clock)
    served = {"a": 0, "b": 0, "c": 0}
    widest = 0

    async def chain(name: str) -> None:
        nonlocal widest
        for _ in range(20):
            turn = await limiter.acquire()
            served[name] += 1
            if max(served.values()) < 20:
                widest = max(widest, max(served.values()) - min(served.values()))
            limiter.accepted(turn)

    async def main() -> None:
        await asyncio.gather(*(chain(name) for name in served))

    run(main())
    assert widest <= 2


def test_a_chain_that_gives_up_waiting_does_not_hold_the_others_up() -> None:
    clock = FakeClock()
    limiter = known(60, clock)

    async def main() -> None:
        limiter.accepted(await limiter.acquire())
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await limiter.acquire()

    run(main())
    assert clock.monotonic() < 3


def test_while_everything_is_refused_one_request_probes_and_the_others_wait_for_it() -> None:
    clock = FakeClock()
    limiter = Limiter(clock)

    async def main() -> None:
        limiter.refused(await limiter.acquire(), None)
        probe = await limiter.acquire()
        others = [asyncio.create_task(limiter.acquire()) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert not any(other.done() for other in others)
        limiter.accepted(probe)
        await asyncio.sleep(0.01)
        assert any(other.done() for other in others)
        for other in others:
            other.cancel()

    run(main())


def test_nothing_goes_out_while_the_server_asked_to_wait() -> None:
    clock = FakeClock()
    limiter = Limiter(clock)

    async def main() -> None:
        limiter.refused(await limiter.acquire(), 30.0)
        await limiter.acquire()

    run(main())
    assert clock.monotonic() >= 30


def test_who_waits_for_a_refusal_to_lift_gets_an_error_when_patience_ends() -> None:
    clock = FakeClock()
    limiter = Limiter(clock)

    async def main() -> None:
        while True:
            limiter.refused(await limiter.acquire(patience=900), None)

    with pytest.raises(RateLimited, match="every request was refused"):
        run(main())
    assert 900 < clock.monotonic() < 960


def test_what_one_run_learned_the_next_one_knows() -> None:
    clock = FakeClock()
    limiter, kept = known(600, clock), []
    limiter.on_learned = lambda: kept.append(limiter.remembered())

    async def main() -> None:
        limiter.refused(await limiter.acquire(), None)
        limiter.accepted(await limiter.acquire())

    run(main())
    again = Limiter(clock)
    again.recall(kept[-1])
    assert again.per_minute == limiter.per_minute < 600


def test_nothing_learned_is_nothing_to_remember() -> None:
    assert Limiter(FakeClock()).remembered() == {}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"per_minute": "300"},
        {"per_minute": True},
        {"per_minute": float("nan")},
        {"per_minute": float("inf")},
        {"per_minute": -5},
        {"per_minute": 10**400},
    ],
)
def test_a_memory_that_is_no_rate_is_as_none(state: dict[str, object]) -> None:
    limiter = Limiter(FakeClock())
    limiter.recall(state)
    assert limiter.per_minute == 6000
    assert limiter.remembered() == {}


def test_a_memory_of_an_earlier_version_is_read_whatever_its_age() -> None:
    limiter = Limiter(FakeClock())
    limiter.recall({"per_minute": 300, "at": "2025-01-01T00:00:00+00:00"})
    assert limiter.per_minute == 300


def test_a_longer_wait_than_a_quarter_of_an_hour_is_not_for_all() -> None:
    clock = FakeClock()
    limiter = Limiter(clock)

    async def main() -> None:
        limiter.refused(await limiter.acquire(), 86_400.0)
        await limiter.acquire()

    run(main())
    assert clock.monotonic() < 5

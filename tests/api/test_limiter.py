"""The rate is kept, learned and shared."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instantly_pipeline.api.limiter import Limiter

from .fakes import FakeClock, run


def times(limiter: Limiter, clock: FakeClock, count: int) -> list[float]:
    """When each of `count` requests of one chain goes out."""

    async def main() -> list[float]:
        out = []
        for _ in range(count):
            await limiter.acquire()
            out.append(clock.monotonic())
        return out

    return run(main())


def test_a_burst_goes_out_at_once_and_the_rest_at_the_rate() -> None:
    clock = FakeClock()
    assert times(Limiter(2.0, 3, clock), clock, 7) == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5, 2.0])


def test_a_quiet_time_saves_up_no_more_than_one_burst() -> None:
    clock = FakeClock()
    limiter = Limiter(2.0, 3, clock)
    times(limiter, clock, 3)
    clock.time = 1000.0
    assert times(limiter, clock, 5) == pytest.approx([1000, 1000, 1000, 1000.5, 1001])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.lists(st.floats(0, 90), max_size=8))
def test_no_minute_sees_more_requests_than_the_cap(cap: int, pauses: list[float]) -> None:
    clock = FakeClock()
    limiter = Limiter.for_cap(cap, clock)
    sent: list[float] = []

    async def main() -> None:
        for pause in [*pauses, 0.0]:
            clock.time += pause
            for _ in range(cap // 4 + 2):
                await limiter.acquire()
                sent.append(clock.monotonic())
                limiter.on_success()

    run(main())
    for i, start in enumerate(sent):
        assert sum(1 for t in sent[i:] if t < start + 60) <= cap


def test_a_cap_below_one_request_a_minute_is_refused() -> None:
    with pytest.raises(ValueError, match="cap"):
        Limiter.for_cap(0, FakeClock())


def test_nothing_goes_out_while_the_server_asked_to_wait() -> None:
    clock = FakeClock()
    limiter = Limiter(10.0, 5, clock)
    limiter.on_429(30.0)
    first, second, *_ = times(limiter, clock, 2)
    assert first >= 30
    assert second - first == pytest.approx(1 / 5)  # half of ten a second, and no burst


def test_a_refusal_without_a_time_pauses_for_a_moment() -> None:
    clock = FakeClock()
    limiter = Limiter(10.0, 5, clock)
    limiter.on_429(None)
    assert times(limiter, clock, 1)[0] >= 1


def test_refusals_of_requests_sent_together_halve_the_rate_once() -> None:
    clock = FakeClock()
    limiter = Limiter(16.0, 16, clock)
    for _ in range(16):
        limiter.on_429(None)
    assert limiter.rate == 8.0
    clock.time += 60
    limiter.on_429(None)
    assert limiter.rate == 4.0


def test_the_rate_never_falls_to_a_standstill() -> None:
    clock = FakeClock()
    limiter = Limiter(16.0, 16, clock)
    for _ in range(100):
        limiter.on_429(None)
        clock.time += 60
    assert limiter.rate == pytest.approx(0.2)


def test_the_rate_doubles_about_every_second_until_the_first_refusal() -> None:
    clock = FakeClock()
    limiter = Limiter(10.0, 1, clock)
    while clock.monotonic() < 3:
        times(limiter, clock, 1)
        limiter.on_success()
    assert 60 < limiter.rate < 300


def test_after_a_refusal_the_rate_comes_back_within_about_a_minute() -> None:
    clock = FakeClock()
    limiter = Limiter(40.0, 1, clock)
    limiter.on_429(None)
    assert limiter.rate == 20.0
    reached = 0.0
    while limiter.rate < 40.0:
        reached = times(limiter, clock, 1)[0]
        limiter.on_success()
    assert 45 < reached < 75


def test_the_rate_does_not_grow_when_it_is_not_what_held_us_back() -> None:
    clock = FakeClock()
    limiter = Limiter(10.0, 5, clock)
    for _ in range(100):
        clock.time += 1.0
        times(limiter, clock, 1)
        limiter.on_success()
    assert limiter.rate == 10.0


@pytest.mark.parametrize("allowed", [100, 600, 6000])
def test_it_settles_near_what_a_server_allows_per_minute(allowed: int) -> None:
    clock = FakeClock()
    limiter = Limiter.for_cap(None, clock)
    tokens, filled, served, refused = float(allowed / 60), 0.0, 0, 0

    async def main() -> None:
        nonlocal tokens, filled, served, refused
        while clock.monotonic() < 600:
            await limiter.acquire()
            now = clock.monotonic()
            tokens, filled = min(allowed / 60, tokens + (now - filled) * allowed / 60), now
            if tokens >= 1:
                tokens -= 1
                served += 1
                limiter.on_success()
            else:
                refused += 1
                limiter.on_429(None)

    run(main())
    assert served > 0.5 * allowed * 10
    assert refused < 0.05 * served


def test_waiting_chains_are_served_in_turn() -> None:
    clock = FakeClock()
    limiter = Limiter(1.0, 1, clock)
    served = {"a": 0, "b": 0, "c": 0}
    widest = 0

    async def chain(name: str) -> None:
        nonlocal widest
        for _ in range(20):
            await limiter.acquire()
            served[name] += 1
            if max(served.values()) < 20:
                widest = max(widest, max(served.values()) - min(served.values()))

    async def main() -> None:
        await asyncio.gather(*(chain(name) for name in served))

    run(main())
    assert widest <= 2


def test_a_chain_that_gives_up_waiting_does_not_hold_the_others_up() -> None:
    clock = FakeClock()
    limiter = Limiter(1.0, 1, clock)

    async def main() -> None:
        await limiter.acquire()
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await limiter.acquire()

    run(main())
    assert clock.monotonic() == pytest.approx(1.0)


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.5), (5.0, 1.0)])
def test_a_limiter_that_could_never_work_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="limiter"):
        Limiter(rate, burst, FakeClock(), ceiling=4.0)

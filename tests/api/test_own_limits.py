"""A path that the API limits by itself: its own limiter learns, and nobody else waits for it."""

from __future__ import annotations

import pytest

from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.errors import Exhausted

from .fakes import FakeClock, client_of, run
from .server import Reply, Request, Server, page, refusal

EMAILS, OTHERS = "/api/v2/emails", "/api/v2/campaigns"


class Paths:
    """A server that refuses so many requests for e-mails after the first few, and answers all others."""

    def __init__(self, refused: int, *, after: int = 0) -> None:
        self.after, self.left = after, refused

    def __call__(self, request: Request) -> Reply:
        if request.path != EMAILS:
            return page("a")
        self.after -= 1
        if self.after < 0 and self.left > 0:
            self.left -= 1
            return refusal(429)
        return page("a")


def test_a_refusal_of_the_path_teaches_its_own_limiter_alone() -> None:
    async def main() -> tuple[dict[str, object], dict[str, object]]:
        clock = FakeClock()
        own, general = Limiter(clock), Limiter(clock)
        async with (
            Server(script=Paths(3, after=12)) as server,
            client_of(server, clock, limiter=general, limiters_by_path={EMAILS: own}) as client,
        ):
            for _ in range(14):
                await client.page("GET", EMAILS)
            assert client.stats.responses_429 == 3
            return own.remembered(), general.remembered()

    own, general = run(main())
    assert own
    assert not general


def test_requests_of_the_path_count_for_the_cap_of_all() -> None:
    async def main() -> float:
        clock = FakeClock()
        general = Limiter.for_cap(31, clock)  # one request in two seconds
        async with (
            Server(script=Paths(0)) as server,
            client_of(server, clock, limiter=general, limiters_by_path={EMAILS: Limiter(clock)}) as client,
        ):
            for path in (EMAILS, OTHERS) * 5:
                await client.page("GET", path)
            return clock.time

    assert run(main()) >= 9 * 2


def test_a_path_that_is_always_refused_ends_and_others_go_on() -> None:
    async def main() -> int:
        clock = FakeClock()
        limiters = {EMAILS: Limiter(clock)}
        async with (
            Server(script=Paths(10_000)) as server,
            client_of(server, clock, limiter=Limiter(clock), limiters_by_path=limiters) as client,
        ):
            with pytest.raises(Exhausted):
                await client.page("GET", EMAILS)
            return len((await client.page("GET", OTHERS)).items)

    assert run(main()) == 1


def test_until_it_has_learned_a_limiter_believes_what_it_was_told() -> None:
    limiter = Limiter(FakeClock(), untold=20)
    assert limiter.per_minute == 20
    assert Limiter(FakeClock()).per_minute == 6000

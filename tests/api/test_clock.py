"""The machine's clock is what it claims to be, and is compared with that of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from instantly_pipeline.api.clock import SYSTEM, ClockSkew

from .fakes import START, FakeClock, client_of, run
from .server import Reply, Server, refusal

LAST = datetime.max.replace(tzinfo=UTC, microsecond=0)
DAYS, MINUTES, SECONDS = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    assert SYSTEM.now().tzinfo is UTC
    assert abs(SYSTEM.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_sleep_waits_as_long_as_it_was_asked_by_the_monotonic_clock() -> None:
    before = SYSTEM.monotonic()
    run(SYSTEM.sleep(0.02))
    assert SYSTEM.monotonic() - before >= 0.015


def date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def shown(*answers: Mapping[str, str], took: timedelta = timedelta(0)) -> timedelta | None:
    """What answers with these headers, all received at the start of the test's time, tell of the clock."""
    skew = ClockSkew()
    for headers in answers:
        skew.observe({name.title(): value for name, value in headers.items()}, received=START, took=took)
    return skew.ahead_by


@pytest.mark.parametrize(
    ("there", "took", "by"),
    [
        (START, 0 * SECONDS, 0 * SECONDS),
        (START - SECONDS, 0 * SECONDS, 0 * SECONDS),  # a date leaves the fraction of its second out
        (START - 2 * DAYS, 0 * SECONDS, 2 * DAYS - SECONDS),
        (START + 2 * DAYS, 0 * SECONDS, -2 * DAYS),
        (START - 80 * SECONDS, 90 * SECONDS, 0 * SECONDS),  # it may have been dated long before it was there
        (START - 100 * SECONDS, 90 * SECONDS, 9 * SECONDS),
        (START + 90 * SECONDS, 90 * SECONDS, -90 * SECONDS),
        (LAST, 0 * SECONDS, START - LAST),  # the last second there is, to which none can be added
    ],
)
def test_a_difference_is_the_least_that_an_answer_and_the_time_it_took_allow(
    there: datetime, took: timedelta, by: timedelta
) -> None:
    assert shown({"date": date(there)}, took=took) == by


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": ""},
        {"date": "yesterday"},
        {"date": "Sun, 99 Nov 2026 99:00:00 GMT"},
        {"date": "1700000000"},
        {"date": date(START - 2 * DAYS), "age": "172800"},
        {"date": date(START - 2 * DAYS), "age": "?"},
    ],
)
def test_an_answer_without_a_date_that_can_be_believed_tells_nothing(headers: dict[str, str]) -> None:
    assert shown(headers) is None


def test_an_old_answer_makes_no_clock_wrong_that_another_shows_to_be_right() -> None:
    old, new = {"date": date(START - 2 * DAYS)}, {"date": date(START), "age": "0"}
    assert shown(old, new) == shown(new, old) == 0 * SECONDS


def test_any_answer_of_the_server_tells_also_a_refusal() -> None:
    async def main() -> str:
        reply = refusal(401, date=date(START + 20 * MINUTES))
        async with Server(reply) as server, client_of(server, FakeClock()) as client:
            with pytest.raises(Exception, match="rejected"):
                await client.get("/x")
            assert client.clock_skew.is_notable
            assert not client.clock_skew.is_wrong
            return str(client.clock_skew)

    assert run(main()) == "The clock of this machine is 20 min behind the API's"


def test_a_server_that_does_not_say_leaves_it_open() -> None:
    async def main() -> timedelta | None:
        async with Server(Reply({})) as server, client_of(server) as client:
            await client.get("/x")
            return client.clock_skew.ahead_by

    assert run(main()) is None

"""Questions about many things put in parts: all that the server answers arrives, once, at a cost that is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.errors import BadRequest, Exhausted, NotFound, PipelineError, StreamError, TooLarge
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.limits import ACCOUNTS, DAYS, Limits
from instantly_pipeline.sync.readers.fetch import Refused
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, OF_DAYS, SplitRequest
from tests.sync.harness import NOON

TODAY = date(2026, 6, 1)
A_YEAR = 365  # days, the newest first
Refuses = Callable[[Sequence[int]], type[StreamError] | None]


class Server:
    """Answers with what it was asked for, or refuses it."""

    def __init__(self, refuses: Refuses) -> None:
        self.refuses = refuses
        self.asked: list[int] = []

    async def ask(self, items: Sequence[int]) -> list[int]:
        self.asked.append(len(items))
        if (error := self.refuses(items)) is not None:
            raise error("refused")
        return list(items)


class NoCheckpoints(Checkpoints):
    """Checkpoints that lie in memory."""

    def __init__(self) -> None:
        super().__init__(Layout(Path("nowhere")), "w")
        self.kept: dict[str, dict[str, object]] = {}

    def read(self, name: str) -> dict[str, object]:
        return self.kept.get(name, {})

    def write(self, name: str, value: dict[str, object]) -> None:
        self.kept[name] = value


@dataclass
class Found:
    got: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)


def accounts(checkpoints: Checkpoints | None = None) -> Limits:
    return Limits(checkpoints or NoCheckpoints(), "accounts", TODAY, ACCOUNTS, most=100)


def days(checkpoints: Checkpoints | None = None, today: date = TODAY) -> Limits:
    return Limits(checkpoints or NoCheckpoints(), "days", today, DAYS)


async def _read(request: SplitRequest[int, list[int]], count: int) -> Found:
    found = Found()
    async with aclosing(request.answers(range(count))) as answers:
        async for answer in answers:
            if isinstance(answer.got, Refused):
                found.refused += answer.item
            elif isinstance(answer.got, PipelineError):
                found.failed += answer.item
            else:
                assert answer.got == list(answer.item)
                found.got += answer.item
    return found


def read(limits: Limits, count: int, server: Server, *, is_known: bool = False) -> Found:
    refusals = OF_DAYS if limits.kind is DAYS else OF_ACCOUNTS
    return asyncio.run(_read(SplitRequest(limits, server.ask, refusals, lambda: NOON, lambda: is_known), count))


def too_many(most: int) -> Refuses:
    return lambda items: TooLarge if len(items) > most else None


def bad(culprits: Collection[int], error: type[StreamError] = BadRequest) -> Refuses:
    return lambda items: error if set(culprits) & set(items) else None


def both(*refuses: Refuses) -> Refuses:
    return lambda items: next((error for one in refuses if (error := one(items)) is not None), None)


@given(st.sets(st.integers(0, 99), max_size=12), st.integers(1, 100), st.sampled_from([BadRequest, NotFound, TooLarge]))
def test_every_account_but_the_refused_ones_is_answered_once(
    culprits: set[int], most: int, error: type[StreamError]
) -> None:
    server = Server(both(too_many(most), bad(culprits, error)))
    found = read(accounts(), 100, server)
    if {0, 1, 2, 99} <= culprits:  # those that are asked for alone before the question is given up
        assert (sorted(found.failed), found.got) == (list(range(100)), [])
        return
    assert (sorted(found.got), sorted(found.refused)) == (sorted(set(range(100)) - culprits), sorted(culprits))
    assert len(server.asked) <= 2 * -(-100 // most) + 14 + 14 * len(culprits)


@given(st.sets(st.integers(0, 99)))
def test_accounts_are_never_given_up_once_others_were_answered(culprits: set[int]) -> None:
    found = read(accounts(), 100, Server(bad(culprits)), is_known=True)
    assert (sorted(found.got), sorted(found.refused)) == (sorted(set(range(100)) - culprits), sorted(culprits))


@given(
    st.sets(st.integers(0, A_YEAR - 1), max_size=6),
    st.sampled_from([1, 3, 6, 7, 14, 28, 30, 31, 90, 400]),
    st.sampled_from([1, 14, 28, 90, 364, A_YEAR]),
)
def test_every_day_but_the_refused_and_the_old_ones_is_answered_once(culprits: set[int], most: int, age: int) -> None:
    server = Server(both(too_many(most), bad(culprits), bad(range(age, A_YEAR))))
    found = read(days(), A_YEAR, server)
    refused = culprits | set(range(age, A_YEAR))
    if {0, A_YEAR - 1} <= refused:  # both ends of the range
        assert (sorted(found.failed), found.got) == (list(range(A_YEAR)), [])
        return
    assert (sorted(found.got), sorted(found.refused)) == (sorted(set(range(A_YEAR)) - refused), sorted(refused))
    assert len(server.asked) <= 2 * -(-age // most) + 40 + 14 * len(culprits)


@given(st.integers(1, 300), st.integers(1, 60))
def test_a_block_of_days_that_are_refused_costs_no_other_day(first: int, length: int) -> None:
    block = range(first, first + length)
    found = read(days(), A_YEAR, Server(bad(block)))
    assert (sorted(found.got), sorted(found.refused)) == (sorted(set(range(A_YEAR)) - set(block)), list(block))


@pytest.mark.parametrize(("most", "parts"), [(31, 31), (30, 28), (28, 28), (14, 14), (7, 7), (1, 1), (90, 31)])
def test_the_length_that_is_answered_is_learned_and_remembered_for_a_week(most: int, parts: int) -> None:
    checkpoints, server = NoCheckpoints(), Server(too_many(most))
    read(days(checkpoints), A_YEAR, server)
    assert sum(size > most for size in server.asked) <= 8
    later = Server(too_many(most))
    read(days(checkpoints, TODAY + timedelta(days=6)), A_YEAR, later)
    assert max(later.asked) == parts
    assert len(later.asked) == -(-A_YEAR // parts)


@given(st.integers(1, 99))
def test_what_was_learned_is_never_refused_the_next_time(most: int) -> None:
    checkpoints = NoCheckpoints()
    read(accounts(checkpoints), 100, Server(too_many(most)))
    later = Server(too_many(most))
    assert len(read(accounts(checkpoints), 100, later).got) == 100
    assert max(later.asked) <= most


def test_a_server_that_takes_more_again_is_noticed_after_a_week() -> None:
    checkpoints = NoCheckpoints()
    read(days(checkpoints), A_YEAR, Server(too_many(7)))
    generous = Server(too_many(A_YEAR))
    read(days(checkpoints, TODAY + timedelta(days=7)), A_YEAR, generous)
    assert generous.asked == [A_YEAR]


def test_a_server_that_takes_less_than_remembered_is_asked_for_less() -> None:
    checkpoints = NoCheckpoints()
    read(days(checkpoints), A_YEAR, Server(too_many(31)))
    stricter = Server(too_many(7))
    assert len(read(days(checkpoints), A_YEAR, stricter).got) == A_YEAR
    assert sum(size > 7 for size in stricter.asked) <= 4


@pytest.mark.parametrize("error", [BadRequest, NotFound, TooLarge])
def test_accounts_that_are_all_refused_cost_a_few_requests(error: type[StreamError]) -> None:
    server = Server(lambda _: error)
    assert read(accounts(), 100, server) == Found(failed=list(range(100)))
    assert len(server.asked) == 7


def test_days_that_are_all_refused_cost_three_requests() -> None:
    server = Server(lambda _: BadRequest)
    assert read(days(), A_YEAR, server) == Found(failed=list(range(A_YEAR)))
    assert len(server.asked) == 3


def test_days_that_lie_too_far_back_are_left_out_together() -> None:
    server = Server(bad(range(90, A_YEAR)))
    found = read(days(), A_YEAR, server)
    assert (len(found.got), len(found.refused)) == (90, 275)
    assert len(server.asked) <= 35


def test_one_refused_account_teaches_nothing_about_how_many_are_too_many() -> None:
    checkpoints = NoCheckpoints()
    read(accounts(checkpoints), 100, Server(bad([70])))
    assert checkpoints.kept == {}


def test_a_part_that_fails_for_another_reason_does_not_cost_the_others() -> None:
    found = read(days(), A_YEAR, Server(both(too_many(31), bad([100], Exhausted))))
    assert len(found.failed) == 31
    assert sorted(found.got + found.failed) == list(range(A_YEAR))


@pytest.mark.parametrize("kept", [{}, {"most": "31"}, {"most": 0, "form": None, "since": "2026-06-01"},
                                  {"most": 7, "form": None, "since": "never"},
                                  {"most": 7, "form": None, "since": "2027-01-01"}])  # fmt: skip
def test_a_checkpoint_that_makes_no_sense_is_found_out_again(kept: dict[str, object]) -> None:
    checkpoints = NoCheckpoints()
    checkpoints.kept["days"] = kept
    server = Server(lambda _: None)
    read(days(checkpoints), A_YEAR, server)
    assert server.asked == [A_YEAR]

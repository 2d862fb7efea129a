"""Questions about many things put in parts: all that the server answers arrives, at a cost that is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.errors import BadRequest, Exhausted, NotFound, PipelineError, StreamError, TooLarge
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.state import States
from instantly_pipeline.sync.manner import Manner, fewer_days, half
from instantly_pipeline.sync.readers.parts import OF_ACCOUNTS, OF_DAYS, Refused, in_parts
from tests.sync.harness import NOON

TODAY = date(2026, 6, 1)
Refuses = Callable[[Sequence[int]], type[StreamError] | None]


class Server:
    """Answers with what it was asked for, or refuses it."""

    def __init__(self, refuses: Refuses, form: str = "") -> None:
        self.refuses = refuses
        self.form = form
        self.asked: list[int] = []
        self.at_once = 0
        self.most_at_once = 0

    async def ask(self, items: Sequence[int], form: str) -> list[int]:
        self.asked.append(len(items))
        self.at_once += 1
        await asyncio.sleep(0)
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.at_once -= 1
        error = self.refuses(items) or (BadRequest if form != self.form else None)
        if error is not None:
            raise error("refused")
        return list(items)


class NoStates(States):
    """Checkpoints that lie in memory."""

    def __init__(self) -> None:
        super().__init__(Layout(Path("nowhere")), "w")
        self.kept: dict[str, dict[str, object]] = {}

    def read(self, name: str) -> dict[str, object]:
        return self.kept.get(name, {})

    def write(self, name: str, value: dict[str, object]) -> None:
        self.kept[name] = value


def accounts(states: States | None = None, today: date = TODAY) -> Manner:
    return Manner(states or NoStates(), "accounts", today, smaller=half, most=100)


def days(states: States | None = None, today: date = TODAY, forms: tuple[str, ...] = ("",)) -> Manner:
    return Manner(states or NoStates(), "days", today, smaller=fewer_days, forms=forms, in_order=True)


class Outcome:
    def __init__(self) -> None:
        self.got: list[int] = []
        self.refused: list[int] = []
        self.failed: list[int] = []


async def collect(manner: Manner, items: Sequence[int], server: Server) -> Outcome:
    found = Outcome()
    refusals = OF_DAYS if manner.in_order else OF_ACCOUNTS
    asked = in_parts(
        manner, items, server.ask, refusals=refusals, now=lambda: NOON,
        is_known=lambda: not manner.in_order and manner.proven > 0,
    )  # fmt: skip
    async with aclosing(asked) as answers:
        async for answer in answers:
            if isinstance(answer.got, Refused):
                found.refused += answer.item
            elif isinstance(answer.got, PipelineError):
                found.failed += answer.item
            else:
                assert answer.got == list(answer.item)
                found.got += answer.item
    return found


def read(manner: Manner, count: int, server: Server) -> Outcome:
    return asyncio.run(collect(manner, range(count), server))


def too_many(most: int, error: type[StreamError] = BadRequest) -> Refuses:
    return lambda items: error if len(items) > most else None


def bad(*culprits: int, error: type[StreamError] = BadRequest) -> Refuses:
    return lambda items: error if set(culprits) & set(items) else None


@given(st.sets(st.integers(0, 99), max_size=12), st.integers(1, 100), st.sampled_from([BadRequest, NotFound, TooLarge]))
def test_every_account_but_the_refused_ones_is_answered_once(
    culprits: set[int], most: int, error: type[StreamError]
) -> None:
    server = Server(lambda items: too_many(most, TooLarge)(items) or bad(*culprits, error=error)(items))
    found = read(accounts(), 100, server)
    assert sorted(found.got) == sorted(set(range(100)) - culprits)
    assert sorted(found.refused) == sorted(culprits)
    assert len(server.asked) <= 2 * 100 // most + 10 + 16 * len(culprits)


@given(st.sets(st.integers(0, 364), max_size=4), st.sampled_from([1, 3, 6, 7, 14, 28, 30, 31, 90, 400]))
def test_every_day_but_the_refused_ones_is_answered_once(culprits: set[int], most: int) -> None:
    found = read(days(), 365, Server(lambda items: too_many(most)(items) or bad(*culprits)(items)))
    assert (sorted(found.got), sorted(found.refused)) == (sorted(set(range(365)) - culprits), sorted(culprits))


@pytest.mark.parametrize(("most", "parts"), [(31, 31), (30, 30), (29, 14), (7, 7), (1, 1), (90, 31)])
def test_the_length_that_is_answered_is_learned_and_remembered_for_a_week(most: int, parts: int) -> None:
    states, server = NoStates(), Server(too_many(most))
    read(days(states), 365, server)
    assert sum(size > most for size in server.asked) <= 6
    later = Server(too_many(most))
    read(days(states, TODAY + timedelta(days=6)), 365, later)
    assert max(later.asked) == parts
    assert len(later.asked) == -(-365 // parts)


def test_a_server_that_takes_more_again_is_noticed_after_a_week() -> None:
    states = NoStates()
    read(days(states), 365, Server(too_many(7)))
    generous = Server(too_many(365))
    read(days(states, TODAY + timedelta(days=7)), 365, generous)
    assert generous.asked == [365]


def test_a_server_that_takes_less_than_remembered_is_asked_for_less() -> None:
    states = NoStates()
    read(days(states), 365, Server(too_many(31)))
    stricter = Server(too_many(7))
    found = read(days(states), 365, stricter)
    assert len(found.got) == 365
    assert sum(size > 7 for size in stricter.asked) <= 4


def test_one_question_finds_out_for_all_that_wait() -> None:
    server, manner = Server(too_many(31)), days()

    async def all_at_once() -> list[Outcome]:
        return await asyncio.gather(*(collect(manner, range(365), server) for _ in range(40)))

    assert all(len(found.got) == 365 for found in asyncio.run(all_at_once()))
    assert sum(size > 31 for size in server.asked) == 1
    assert server.most_at_once > 10


@pytest.mark.parametrize("error", [BadRequest, NotFound, TooLarge])
def test_a_server_that_refuses_everything_costs_a_few_requests(error: type[StreamError]) -> None:
    server = Server(lambda _: error)
    found = read(accounts(), 100, server)
    assert (found.got, found.refused, len(found.failed)) == ([], [], 100)
    assert len(server.asked) <= 8


def test_days_that_are_all_refused_cost_a_few_requests() -> None:
    server = Server(lambda _: BadRequest)
    found = read(days(), 365, server)
    assert (found.got, found.refused, len(found.failed)) == ([], [], 365)
    assert len(server.asked) == 3


def test_days_that_lie_too_far_back_are_left_out_together() -> None:
    """The newest come first."""
    server = Server(lambda items: BadRequest if max(items) >= 90 else None)
    found = read(days(), 365, server)
    assert (len(found.got), len(found.refused)) == (90, 275)
    assert len(server.asked) <= 30


def test_one_refused_account_teaches_nothing_about_how_many_are_too_many() -> None:
    states = NoStates()
    read(accounts(states), 100, Server(bad(70)))
    assert states.kept == {}


def test_a_form_that_is_refused_is_left_for_the_other_one_once() -> None:
    states = NoStates()
    server = Server(lambda _: None, form="plain")
    found = read(days(states, forms=("instants", "plain")), 40, server)
    assert (len(found.got), server.asked) == (40, [40, 1, 1, 39])
    later = Server(lambda _: None, form="plain")
    read(days(states, forms=("instants", "plain")), 40, later)
    assert later.asked == [40]


def test_form_and_length_are_found_out_together() -> None:
    server = Server(too_many(7), form="plain")
    found = read(days(forms=("instants", "plain")), 100, server)
    assert len(found.got) == 100


def test_a_part_that_fails_for_another_reason_does_not_cost_the_others() -> None:
    def refuses(items: Sequence[int]) -> type[StreamError] | None:
        return BadRequest if len(items) > 31 else Exhausted if 100 in items else None

    found = read(days(), 365, Server(refuses))
    assert len(found.failed) == 31
    assert sorted(found.got + found.failed) == list(range(365))


@pytest.mark.parametrize("kept", [{}, {"most": "31"}, {"most": 0, "form": None, "since": "2026-06-01"},
                                  {"most": 7, "form": None, "since": "never"},
                                  {"most": 7, "form": None, "since": "2027-01-01"}])  # fmt: skip
def test_a_checkpoint_that_makes_no_sense_is_found_out_anew(kept: dict[str, object]) -> None:
    states = NoStates()
    states.kept["days"] = kept
    server = Server(lambda _: None)
    read(days(states), 365, server)
    assert server.asked == [365]

"""When one more range side by side helps, and where a range is cut."""

from datetime import UTC, datetime

import pytest

from instantly_pipeline.sync.leads.concurrency import Concurrency
from instantly_pipeline.sync.leads.keyspace import FIRST_TIMED, cuts, key_at, place, timed

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def paced(*pages: tuple[float, float]) -> Concurrency:
    """After eight pages a second, each of which took so many seconds to be answered, of so many."""
    concurrency = Concurrency()
    for second, (answering, whole) in enumerate(pages):
        for _ in range(8):
            concurrency.note(answering, of=whole, at=float(second))
    return concurrency


def test_before_the_first_page_nothing_speaks_against_another_range() -> None:
    assert not Concurrency().is_crowded()


def test_a_server_that_answers_as_quickly_as_at_first_has_room() -> None:
    assert not paced((0.4, 0.4), (0.45, 0.45), (0.5, 0.52)).is_crowded()


def test_a_server_that_takes_longer_the_more_it_is_asked_has_none() -> None:
    assert paced((0.005, 0.005), (0.012, 0.012)).is_crowded()


def test_where_requests_wait_for_their_turn_one_more_would_wait_too() -> None:
    assert paced((0.4, 0.4), (0.4, 0.7)).is_crowded()


def test_a_little_waiting_shows_the_limiter_that_more_is_wanted() -> None:
    assert not paced((0.4, 0.4), (0.4, 0.5)).is_crowded()


def test_a_server_that_became_slower_by_itself_is_found_to_have_room_again() -> None:
    assert paced((0.2, 0.2), *[(0.6, 0.6)] * 15).is_crowded()
    assert not paced((0.2, 0.2), *[(0.6, 0.6)] * 16).is_crowded()


def test_a_range_without_a_crowd_is_cut_in_its_middle() -> None:
    low, high = key_at(15 << 124), key_at((15 << 124) + 1000)
    assert cuts(low, high, NOW) == [key_at((15 << 124) + 500)]


def test_a_range_around_the_crowd_of_timed_ids_is_cut_at_its_edges() -> None:
    assert [place(key) for key in cuts(key_at(1), None, NOW)] == [timed(FIRST_TIMED), timed(NOW)]


def test_a_range_that_ends_behind_the_crowd_it_begins_in_is_cut_where_the_crowd_ends() -> None:
    assert cuts(key_at(timed(FIRST_TIMED) + 1), None, NOW) == [key_at(timed(NOW))]


@pytest.mark.parametrize(("low", "high"), [('["x"]', None), (key_at(7), key_at(8)), (key_at(7), '["x"]')])
def test_what_cannot_be_cut_is_left_whole(low: str, high: str | None) -> None:
    assert cuts(low, high, NOW) == []

"""Reading a list that comes newest first, down to what is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from instantly_pipeline.sync.descent import Descent

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def page(*minutes: float | None) -> list[dict[str, object]]:
    """Records of so many minutes before noon."""
    return [{"at": minute if minute is None else (NOON - timedelta(minutes=minute)).isoformat()} for minute in minutes]


def before(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


def descent(now: datetime = NOON) -> Descent:
    return Descent("at", now=now)


def test_it_has_arrived_below_what_is_known_not_at_it() -> None:
    down = descent()
    assert down.take(page(1, 5)) == [before(1), before(5)]
    assert (down.newest, down.oldest) == (before(1), before(5))
    assert not down.is_below(before(5))  # another of that instant may follow
    assert down.is_below(before(4.9))
    assert not down.is_below(None)


def test_a_record_from_the_future_shows_nothing() -> None:
    down = descent()
    assert down.take(page(-60 * 24 * 365, 3, -90, 7)) == [before(3), before(7)]
    assert (down.newest, down.is_sorted) == (before(3), True)
    assert down.is_below(before(6))


def test_clocks_may_differ_by_an_hour() -> None:
    down = descent()
    down.take(page(-59, 2))
    assert down.newest == before(-59)


def test_equal_instants_across_the_border_of_pages_are_in_order_and_not_the_end() -> None:
    down = descent()
    down.take(page(1, 5, 5))
    assert not down.is_below(before(5))
    down.take(page(5, 5))
    assert not down.is_below(before(5))
    down.take(page(5, 6))
    assert (down.is_sorted, down.is_below(before(5))) == (True, True)


def test_an_insert_while_reading_repeats_a_record_and_does_not_disturb_the_order() -> None:
    down = descent()
    down.take(page(1, 2, 3))
    down.take(page(3, 4))  # one came in at the top, so that all moved down by one
    assert down.is_below(before(3))
    assert down.newest == before(1)


def test_a_list_that_turns_out_not_to_be_in_order_is_never_at_its_end() -> None:
    down = descent()
    down.take(page(1, 9))
    assert down.is_below(before(5))
    down.take(page(2))
    assert not down.is_sorted
    down.take(page(20))
    assert not down.is_below(before(5))


def test_after_a_step_back_of_the_clock_everything_is_of_the_future_and_is_read_to_the_end() -> None:
    down = descent(now=NOON - timedelta(days=2))
    assert down.take(page(1, 2)) == []
    assert (down.newest, down.is_below(NOON)) == (None, False)


def test_a_list_that_ends_early_has_not_arrived() -> None:
    down = descent()
    down.take(page(1))
    down.take([])
    assert not down.is_below(before(5))
    assert not descent().is_below(before(5))


@pytest.mark.parametrize("odd", [None, "", "soon", 7, ["2026"], "9999-99-99"])
def test_a_record_without_an_instant_leaves_the_order_open(odd: object) -> None:
    down = descent()
    down.take([*page(1), {"at": odd}, *page(9)])
    assert (down.has_undated, down.is_sorted, down.is_below(before(5))) == (True, True, False)


def test_an_instant_without_a_zone_is_utc() -> None:
    assert descent().take([{"at": "2026-06-01T11:00:00"}]) == [before(60)]

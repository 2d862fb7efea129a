"""Ranges of instants, and what is due of a listing of e-mails."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.sync.emails.progress import ListingProgress
from instantly_pipeline.sync.emails.ranges import Ranges

START = datetime(2026, 1, 1, tzinfo=UTC)
PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def at(number: int) -> datetime:
    return START + timedelta(hours=number)


@given(PAIRS)
def test_ranges_hold_the_instants_that_were_added_and_stay_apart(pairs: list[tuple[int, int]]) -> None:
    found = list(Ranges((at(low), at(high)) for low, high in pairs))
    for n in range(41):
        is_added = any(low <= n <= high for low, high in pairs)
        assert any(low <= at(n) <= high for low, high in found) == is_added
    assert all(before[1] < after[0] for before, after in pairwise(found))


@given(PAIRS, st.integers(0, 40), st.integers(0, 40))
def test_gaps_are_what_is_missing_newest_first(pairs: list[tuple[int, int]], low: int, high: int) -> None:
    ranges = Ranges((at(a), at(b)) for a, b in pairs)
    gaps = ranges.gaps(at(low), at(high))
    for n in range(low, high):
        middle = at(n) + timedelta(minutes=30)
        is_there = any(a <= middle <= b for a, b in ranges)
        assert any(a <= middle <= b for a, b in gaps) != is_there
    assert gaps == sorted(gaps, reverse=True)
    assert all(at(low) <= a < b <= at(high) for a, b in gaps)


def test_what_was_read_on_another_day_is_due_again_within_the_lookback_only() -> None:
    progress = ListingProgress()
    progress.begin(date(2026, 1, 1), again=False)
    progress.add(at(0), at(100))
    assert progress.due(at(0), at(60)) == []
    progress.begin(date(2026, 1, 2), again=False)
    assert progress.due(at(0), at(60)) == [(at(60), at(100))]
    progress.add(at(80), at(100))
    assert progress.due(at(0), at(60)) == [(at(60), at(80))]


def test_what_was_never_read_is_due_however_old() -> None:
    progress = ListingProgress()
    progress.begin(date(2026, 1, 1), again=False)
    progress.add(at(90), at(100))
    progress.add(at(40), at(50))
    assert progress.due(at(10), at(60)) == [(at(50), at(90)), (at(10), at(40))]


def test_a_full_read_takes_nothing_of_the_lookback_as_read_today() -> None:
    progress = ListingProgress()
    progress.begin(date(2026, 1, 1), again=False)
    progress.add(at(0), at(100))
    progress.begin(date(2026, 1, 1), again=True)
    assert progress.due(at(0), at(60)) == [(at(60), at(100))]

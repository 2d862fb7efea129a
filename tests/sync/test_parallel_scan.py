"""What reading a list in ranges side by side costs, in simulated time: pages read twice, and seconds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from instantly_pipeline.sync.leads.keyspace import KeyRange, id_of
from instantly_pipeline.sync.leads.parallel_scan import StaleCursor
from tests.sync.simulated import PER_PAGE, Far, lumpy_ids, scanned

PAGES = 600


@pytest.fixture(scope="module")
def ids() -> list[str]:
    return lumpy_ids(PAGES)


@pytest.mark.medium
@pytest.mark.parametrize(
    ("far", "requests", "seconds"),
    [
        pytest.param(Far(), 1.04, 1.15, id="the server is faster than we are"),
        pytest.param(Far(serving=0.02), 1.04, 1.1, id="the server is slower than we are"),
        pytest.param(Far(latency=0.2), 1.35, 5.0, id="the server is far away"),
        pytest.param(Far(latency=0.4, limited=True), 1.35, 9.5, id="the server is far away and has limits"),
    ],
)
def test_few_pages_are_read_twice(ids: list[str], far: Far, requests: float, seconds: float) -> None:
    found = scanned(ids, far)
    least = PAGES * max(far.serving, far.working)
    assert found.seen == set(ids)
    assert found.requests <= requests * PAGES
    assert found.seconds <= seconds * least


def test_ranges_that_a_fast_server_lets_wait_are_read_by_the_chain_before_them(ids: list[str]) -> None:
    cuts = [f'["{one}"]' for one in ids[250 :: 5 * PER_PAGE]]  # in the midst of pages, should they be read in one go
    ranges = [KeyRange(low, high, id_of(low) if low else None) for low, high in pairwise([None, *cuts, None])]
    found = scanned(ids, Far(), ranges=ranges)
    assert found.seen == set(ids)
    assert found.requests <= PAGES + len(ranges) / 4


def test_a_server_that_takes_neither_the_place_of_a_range_nor_the_one_before_it_is_not_asked_for_ever(
    ids: list[str],
) -> None:
    starts = ids[250 :: 5 * PER_PAGE]
    keys = [f'["{one}"]' for one in starts]
    ranges = [KeyRange(low, high, id_of(low) if low else None) for low, high in pairwise([None, *keys, None])]
    with pytest.raises(StaleCursor):
        scanned(ids, Far(latency=0.2, gone=frozenset(starts)), ranges=ranges)

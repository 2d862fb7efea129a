"""The readers as one set: every way of reading has one, and none is left over."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

import pytest

from instantly_pipeline.streams.model import Read, Stream
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.readers.reader import Seen
from instantly_pipeline.sync.readers.registry import READERS, reader_of
from tests.sync.harness import Bench

SEEN = Seen(date(2026, 6, 1), {"accounts": {"email": "a@example.com"}, "campaigns": {"id": "c1", "organization": "w1"}})
A_PARENT = {"id": "p1", "email": "a@example.com", "parent_campaign": "c1"}


def test_every_way_of_reading_has_its_reader_and_is_used() -> None:
    assert READERS.keys() == set(Read) == {stream.read for stream in all_streams().values()}


@pytest.mark.parametrize("stream", all_streams().values(), ids=lambda stream: stream.name)
def test_a_probe_goes_by_the_method_of_its_stream(stream: Stream) -> None:
    probe = reader_of(stream).probe(stream, SEEN)
    while probe is not None:
        assert (probe.body is not None) == (stream.method == "POST")
        assert not (probe.body and probe.params)
        probe = probe.otherwise


@pytest.mark.parametrize(
    "stream",
    [stream for stream in all_streams().values() if stream.read in (Read.PER_PARENT, Read.ACCOUNT_MAPPINGS)],
    ids=lambda stream: stream.name,
)
def test_a_stream_asked_for_by_parent_is_probed_with_the_first_one(stream: Stream) -> None:
    assert stream.parent is not None
    probe = reader_of(stream).probe(stream, Seen(date(2026, 6, 1), {stream.parent.stream: A_PARENT}))
    assert probe is not None
    assert "{" not in str(probe.path)
    value = A_PARENT[stream.parent.column]
    assert value in (probe.params or {}).values() or quote(value, safe="") in str(probe.path).split("/")
    assert reader_of(stream).probe(stream, Seen(date(2026, 6, 1))) is None


@pytest.mark.parametrize(
    "stream",
    [stream for stream in all_streams().values() if "accounts" in stream.needs],
    ids=lambda stream: stream.name,
)
def test_without_an_account_there_is_nothing_to_probe_its_figures_with(stream: Stream) -> None:
    assert reader_of(stream).probe(stream, Seen(date(2026, 6, 1))) is None


def test_a_refused_day_of_a_campaign_is_noted_by_its_date_and_campaign(at: Bench) -> None:
    campaign = min(row["id"] for row in at.state("campaigns"))
    at.post("/switches", {"refused_days": ["2026-05-30"]})
    at.sync("daily_analytics")
    notices = [row["notice"] for row in at.log("notices") if row["stream"] == "daily_analytics"]
    assert f"The API refuses 2026-05-30 of campaign {campaign} but answers others." in notices

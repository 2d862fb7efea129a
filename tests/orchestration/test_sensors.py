"""The sensor of received events: when it starts a run, and that it starts none twice."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from instantly_pipeline.lake.inbox import InboxWriter, Received, closed_segments, remove_segment
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.orchestration.definitions import build_defs
from instantly_pipeline.run.events import TRIED_AGAIN_AFTER, start_key
from instantly_pipeline.settings import Settings, load
from tests.orchestration.test_housekeeping import held


def receive(data_dir: Path) -> None:
    with closing(InboxWriter(Layout(data_dir))) as writer:
        writer.append([Received(datetime(2026, 6, 1, tzinfo=UTC), b"{}")])


def tick(settings: Settings) -> dg.RunRequest | str:
    """What a tick says: the run to start, or why none."""
    sensor = build_defs(lambda: settings).get_repository_def().get_sensor_def("received_events")
    with dg.build_sensor_context() as context:
        found = sensor.evaluate_tick(context)
    return found.run_requests[0] if found.run_requests else str(found.skip_message)


def settings_for(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path, api_key="k", base_url="http://127.0.0.1:9")


def test_nothing_was_received_so_nothing_starts(tmp_path: Path) -> None:
    assert tick(settings_for(tmp_path)) == "No events were received since the last sync."


def test_received_events_start_a_sync_of_events(tmp_path: Path) -> None:
    receive(tmp_path)
    request = tick(settings_for(tmp_path))
    assert isinstance(request, dg.RunRequest)
    keys = {key.to_user_string() for key in request.asset_selection or ()}
    assert {"lake/webhook_events", "lake/webhook_deliveries", "raw/webhook_events", "publish/warehouse"} <= keys
    assert "lake/leads" not in keys


def test_a_tick_that_meets_another_command_is_skipped_in_words_and_comes_again(tmp_path: Path) -> None:
    receive(tmp_path)
    with held(tmp_path):
        said = tick(settings_for(tmp_path))
    assert isinstance(said, str)
    assert "`a test`" in said
    assert "the next tick tries again" in said
    assert isinstance(tick(settings_for(tmp_path)), dg.RunRequest)


def test_an_open_segment_starts_nothing(tmp_path: Path) -> None:
    with closing(InboxWriter(Layout(tmp_path))) as writer:
        writer.append([Received(datetime(2026, 6, 1, tzinfo=UTC), b"{}")])
        assert start_key(tmp_path) is None


def test_a_run_has_the_same_key_until_it_has_taken_the_events_in_or_a_while_has_passed(tmp_path: Path) -> None:
    receive(tmp_path)
    first = start_key(tmp_path, now=lambda: 0.0)
    receive(tmp_path)
    assert start_key(tmp_path, now=lambda: TRIED_AGAIN_AFTER - 1.0) == first
    assert start_key(tmp_path, now=lambda: TRIED_AGAIN_AFTER + 0.0) not in (first, None)
    remove_segment(closed_segments(Layout(tmp_path))[0])
    assert start_key(tmp_path, now=lambda: 0.0) not in (first, None)


def test_the_sensor_is_shipped_stopped_and_looks_at_least_every_minute(tmp_path: Path) -> None:
    sensor = build_defs(lambda: settings_for(tmp_path)).get_repository_def().get_sensor_def("received_events")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert (sensor.minimum_interval_seconds or 0) <= 60

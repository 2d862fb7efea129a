"""Our event log: what it does not look up again is never older than what another process wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from instantly_pipeline.orchestration.instance.home import open_instance
from tests.orchestration.pipeline import make_home

pytestmark = pytest.mark.medium

KEY = dg.AssetKey(["raw", "leads"])


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dg.DagsterInstance, dg.DagsterInstance]]:
    """Two instances on the same records, as two processes have them."""
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path / "dagster_home")))
    with open_instance() as one, open_instance() as other:
        yield one, other


def materialize(instance: dg.DagsterInstance, rows: int) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata={"rows": rows}))


def rows(instance: dg.DagsterInstance) -> object:
    """What the last materialization says, None where there is none."""
    for record in instance.get_asset_records([KEY]):
        entry = record.asset_entry.last_materialization
        found = entry.asset_materialization if entry else None
        return found.metadata["rows"].value if found else None
    return None


def test_a_materialization_is_read_back_as_it_was_written(two: tuple[dg.DagsterInstance, ...]) -> None:
    one, other = two
    materialize(one, 1)
    assert (rows(one), rows(other)) == (1, 1)
    materialize(one, 2)
    assert (rows(one), rows(other)) == (2, 2)


def test_what_another_process_wrote_later_is_what_is_read(two: tuple[dg.DagsterInstance, ...]) -> None:
    one, other = two
    materialize(one, 1)
    materialize(other, 2)
    assert rows(one) == 2


def test_an_asset_that_another_process_wiped_is_gone(two: tuple[dg.DagsterInstance, ...]) -> None:
    one, other = two
    materialize(one, 1)
    other.wipe_assets([KEY])
    assert rows(one) is None
    materialize(other, 3)
    assert rows(one) == 3


def test_a_batch_is_stored_whole_and_can_be_read_by_others(two: tuple[dg.DagsterInstance, ...]) -> None:
    one, other = two
    run = one.create_run_for_job(_planned, asset_selection=None)
    planned = other.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    entries = [entry._replace(timestamp=entry.timestamp + 1) for entry in planned]
    assert len(entries) == 1
    one.event_log_storage.store_event_batch(entries * 3)
    assert len(other.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)) == 4
    materialize(one, 1)  # the connections are free again
    assert rows(other) == 1


@dg.asset(key=KEY)
def _leads() -> None:
    """Nothing."""


_planned = dg.Definitions(assets=[_leads], jobs=[dg.define_asset_job("planned", [KEY])]).resolve_job_def("planned")

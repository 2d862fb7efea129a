"""Everything that can be deleted was deleted: the API said so record by record, and it is published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from instantly_pipeline.lake.schema import DELETE, change_schema
from instantly_pipeline.streams.model import Absent
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.sync.results import Request
from instantly_pipeline.warehouse.checks.emptied import published_rows
from instantly_pipeline.warehouse.warehouse import Warehouse
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench
from tests.warehouse.lake_writer import SQL, LakeWriter, begin_with_tables, shipped_models
from tests.whole import whole_run

pytestmark = pytest.mark.whole

WORLD = SandboxConfig(leads=60, campaigns=2, accounts=3, days=12, rate_limited=False, now=NOON)


def rows(at: Bench, mart: str) -> int:
    return published_rows(at.layout, mart)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[Bench]:
    """Synced and published once."""
    with bench(tmp_path_factory.mktemp("emptied"), WORLD) as made:
        begin_with_tables(made.layout, empty_build)
        whole_run(made.settings(), world=made._world())
        yield made


def test_leads_that_are_all_gone_are_accepted_and_published(at: Bench) -> None:
    assert rows(at, "lead_custom_variables") > 0
    at.mutate({"op": "delete_leads", "ids": [row["id"] for row in at.state("leads")]})
    only = Request(streams=("leads",), accept_deletes=True)
    for request in (Request(streams=("leads",)), only, Request(streams=("leads",))):
        at.advance(hours=1)
        report = whole_run(at.settings(), request, world=at._world())
    assert report.exit_code == 0
    assert at.alive("leads") == {}
    assert rows(at, "lead_custom_variables") == 0


def test_a_workspace_in_which_everything_was_deleted_is_published(at: Bench) -> None:
    [workspace] = at.layout.workspaces()
    lake = LakeWriter(at.data_dir)
    streams = [stream for stream in all_streams().values() if stream.absent in (Absent.DELETED, Absent.CONFIRM)]
    for stream in streams:
        gone = {"_op": DELETE, "_synced_at": NOON + timedelta(hours=9), "_run_id": "20260601T210000000Z-000000"}
        dead = [{"_key": key, **gone} for key in at.alive(stream.name)]
        lake.change_file(stream, pa.Table.from_pylist(dead, schema=change_schema(stream)), workspace, "2026-06-01")
    with Warehouse(at.layout, all_streams(), sql_dir=SQL, models=shipped_models()) as warehouse:
        assert {name: one.rows for name, one in warehouse.load().items() if name in {s.name for s in streams}} == {
            stream.name: 0 for stream in streams
        }
        warehouse.run_models()
        assert [one.name for one in warehouse.run_checks() if one.blocking and not one.passed] == []
        published = warehouse.publish(run_id="z", now=NOON + timedelta(hours=10))
        emptied = {name for name, left in published.tables.items() if not left}
    assert {"marts.lead_custom_variables", "marts.rpt_runway", "marts.rpt_sender_health"} <= emptied

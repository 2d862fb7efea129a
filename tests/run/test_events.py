"""A received reply gets into the published file by a sync of events alone, with the lead it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from instantly_pipeline.errors import NothingRead
from instantly_pipeline.run.events import EVENT_STREAMS
from instantly_pipeline.sync.results import Request
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench
from tests.sync.inbox import receive, reply
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run

pytestmark = pytest.mark.whole

WORLD = SandboxConfig(leads=60, campaigns=2, accounts=3, days=12, rate_limited=False, now=NOON)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[Bench]:
    """Synced and published once."""
    with bench(tmp_path_factory.mktemp("events"), WORLD) as made:
        begin_with_tables(made.layout, empty_build)
        chosen = Request(("core", "events"))
        assert whole_run(made.settings(), chosen, world=made._world()).exit_code == 0
        yield made


def published(at: Bench, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(at.layout.published_file), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        return con.execute(sql).fetchall()


def test_a_received_reply_and_its_lead_are_published_by_a_sync_of_events(at: Bench) -> None:
    lead = next(row for row in at.state("leads") if row.get("campaign") and row.get("email"))
    at.mutate({"op": "update", "collection": "leads", "id": lead["id"], "set": {"email_reply_count": 41}})
    read = published(at, "select last_success_at from meta.stream_status where stream = 'leads'")
    at.wait(minutes=1)
    receive(at.data_dir, reply(at, lead_email=lead["email"], reply_text="Call me"), at=at.clock.now())
    at.forget_requests()
    assert whole_run(at.settings(), Request(EVENT_STREAMS), world=at._world()).exit_code == 0
    asked = [request["path"] for request in at.requests()]
    assert len(asked) == 3  # the workspace, a page of events, the lead
    found = published(at, "select event_type, received_at from raw.webhook_events where payload like '%Call me%'")
    assert found == [("reply_received", NOON + timedelta(minutes=1))]
    assert published(at, f"select email_reply_count from raw.leads where id = '{lead['id']}'") == [(41,)]
    assert published(at, "select last_success_at from meta.stream_status where stream = 'leads'") == read


def test_where_the_api_cannot_be_asked_received_events_are_published_all_the_same(at: Bench) -> None:
    receive(at.data_dir, reply(at, reply_text="In the dark"))
    report = whole_run(at.settings(api_key="rejected"), Request(EVENT_STREAMS), world=at._world())
    assert report.exit_code == 3
    assert published(at, "select count(*) from raw.webhook_events where payload like '%In the dark%'") == [(1,)]
    with pytest.raises(NothingRead):
        whole_run(at.settings(api_key="rejected"), Request(EVENT_STREAMS), world=at._world())

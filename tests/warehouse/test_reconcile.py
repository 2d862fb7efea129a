"""Own counts against Instantly's counters."""

from __future__ import annotations

from typing import Any

import pytest

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.published.status import status
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.warehouse import world
from tests.warehouse.lake_writer import LakeWriter, Opener, at
from tests.warehouse.test_marts import put

pytestmark = pytest.mark.whole

MODELS = ["int_reconciliation", "rpt_campaign_summary"]


def compared(warehouse: Warehouse) -> dict[str, tuple[float, float]]:
    warehouse.run_models(MODELS)
    rows = warehouse.reconcile(run_id="run", now=at(3))
    assert {row["campaign_id"] for row in rows} <= {"c1"}
    return {row["metric"]: (row["ours"], row["theirs"]) for row in rows}


def a_campaign(lake: LakeWriter, **counters: Any) -> None:
    put(lake, "workspaces", world.workspace())
    put(lake, "campaigns", world.campaign("c1"))
    put(lake, "campaign_analytics", world.counters("c1", **counters))
    put(lake, "daily_analytics", world.day("c1", "2026-01-06", 30), world.day("c1", "2026-01-05", 70))
    put(
        lake,
        "step_analytics",
        world.step("c1", "2026-01-06", "0", "0", 20),
        world.step("c1", "2026-01-06", "1", "0", 9),
    )


def test_leads_and_sends_are_compared_by_campaign(lake: LakeWriter, opener: Opener) -> None:
    a_campaign(lake, leads_count=3, emails_sent_count=100, completed_count=2, bounced_count=1, unsubscribed_count=0)
    put(lake, "leads", *(world.lead(name, "c1", status=3) for name in "ab"), world.lead("c", "c1", status=-1))
    found = compared(opener(load=True))
    assert found == {
        "leads": (3, 3), "completed": (2, 2), "bounced": (1, 1), "unsubscribed": (0, 0), "sent": (100, 100),
        "sent by step": (29, 30),
    }  # fmt: skip


def test_a_deleted_lead_still_counts_in_what_it_once_did(lake: LakeWriter, opener: Opener) -> None:
    a_campaign(lake, leads_count=1, completed_count=2)
    put(lake, "leads", world.lead("a", "c1", status=3), world.lead("b", "c1", status=3))
    lake.delete(all_streams()["leads"], [{"id": "b"}], 1)
    found = compared(opener(load=True))
    assert (found["leads"], found["completed"]) == ((1, 1), (2, 2))


def test_a_difference_is_shown_warned_about_and_logged_for_the_lake(lake: LakeWriter, opener: Opener) -> None:
    a_campaign(lake, leads_count=500)
    put(lake, "leads", world.lead("a", "c1"))
    warehouse = opener(load=True)
    warehouse.run_models(MODELS)
    rows = warehouse.reconcile(run_id="run", now=at(3))
    assert [r["difference"] for r in rows if r["metric"] == "leads"] == [-499]
    check = next(c for c in warehouse.run_checks() if c.name == "counts_reconcile")
    assert (check.passed, check.blocking) == (False, False)
    lake.log("reconciliation", rows)
    again = opener(load=True).connection
    assert again.execute("select difference from meta.reconciliation where metric = 'leads'").fetchall() == [(-499,)]


def test_the_status_shows_the_largest_differences_by_name(lake: LakeWriter, opener: Opener) -> None:
    a_campaign(lake, leads_count=500, emails_sent_count=101, completed_count=2, bounced_count=3, unsubscribed_count=0)
    put(lake, "leads", *(world.lead(name, "c1", status=3) for name in "ab"))
    warehouse = opener(load=True)
    warehouse.run_models([*MODELS, "dim_campaign"])
    warehouse.reconcile(run_id="old", now=at(2))
    warehouse.reconcile(run_id="run", now=at(3))
    found = status(warehouse.publish(run_id="run", now=at(3)).path).reconciliation
    assert (found.counters, found.equal, found.near, found.checked_at) == (6, 2, 3, at(3))
    shown = [(one.campaign_name, one.metric, one.ours, one.theirs) for one in found.largest]
    assert shown[:2] == [("Campaign c1", "leads", 2, 500), ("Campaign c1", "bounced", 0, 3)]
    assert len(shown) == 3


def test_leads_are_not_compared_where_they_are_not_synced(lake: LakeWriter, opener: Opener) -> None:
    a_campaign(lake)
    assert compared(opener(load=True)).keys() == {"sent", "sent by step"}

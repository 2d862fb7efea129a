"""Scans of several campaigns: recorded step by step, each step asking by id for what none of its campaigns showed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.sync.context import Sizes
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, assert_mirrors, bench, stream_result

LEADS = "/api/v2/leads/list"
STREAMS = ("campaigns", "campaign_analytics", "lead_lists", "leads")
CONFIG = SandboxConfig(leads=900, campaigns=6, accounts=3, days=20, rate_limited=False, now=NOON)


@pytest.fixture(params=[1, 100])
def stepping(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A world whose leads were read once, and are recorded after each campaign or after all."""
    with bench(tmp_path / "data", CONFIG) as at:
        at.sizes = Sizes(few_pages=0, leads_per_segment=5_000, worth_a_sweep=9, pages_per_step=request.param)
        at.sync(*STREAMS)
        at.forget_requests()
        yield at


def by_campaign(at: Bench) -> dict[str, list[dict[str, Any]]]:
    """The leads of each campaign that has some."""
    found: dict[str, list[dict[str, Any]]] = {}
    for lead in at.state("leads"):
        if lead.get("campaign"):
            found.setdefault(lead["campaign"], []).append(lead)
    return found


def move(at: Bench, campaigns: list[str]) -> None:
    """Let something happen in these campaigns that their counters show."""
    for campaign in campaigns:
        number = len(at.state("leads"))
        made = {"id": f"00000000-0000-4000-8000-{number:012}", "email": f"{number}@new.example", "campaign": campaign}
        at.mutate({"op": "insert", "collection": "leads", "record": made | {"status": 1}})


def scanned(at: Bench) -> list[str]:
    """The campaigns that pages were asked of."""
    return sorted({one["campaign"] for one in at.requests() if one["path"] == LEADS and "campaign" in one})


def asked_by_id(at: Bench) -> list[int]:
    """How many ids each request by id had."""
    return [one["ids_count"] for one in at.requests() if "ids_count" in one]


def test_each_campaign_is_read_once_and_nothing_is_asked_by_id_where_nothing_is_missing(stepping: Bench) -> None:
    leads = by_campaign(stepping)
    move(stepping, list(leads))
    stepping.sync(*STREAMS)
    assert scanned(stepping) == sorted(leads)
    pages = [one for one in stepping.requests() if one["path"] == LEADS and "campaign" in one]
    assert len(pages) == sum(-(-(len(found) + 1) // 100) for found in leads.values())
    assert asked_by_id(stepping) == []
    assert_mirrors(stepping, ("leads",))


def test_leads_that_are_gone_from_several_campaigns_get_tombstones(stepping: Bench) -> None:
    leads = by_campaign(stepping)
    gone = [found[number]["id"] for number, found in enumerate(leads.values())]
    stepping.mutate({"op": "delete_leads", "ids": gone})
    report = stepping.sync(*STREAMS)
    assert stream_result(report, "leads").changes.deleted == len(leads)
    assert sum(asked_by_id(stepping)) == len(leads) + len(asked_by_id(stepping))  # and one that exists, each time
    assert len(asked_by_id(stepping)) == (1 if stepping.sizes.pages_per_step == 100 else len(leads))
    assert_mirrors(stepping, ("leads",))


def test_a_lead_that_moved_from_one_campaign_to_another_is_not_deleted(stepping: Bench) -> None:
    one, other, *_ = by_campaign(stepping)
    moved = [lead["id"] for lead in by_campaign(stepping)[one][:5]]
    stepping.mutate({"op": "move_lead", "ids": moved, "campaign": other})
    report = stepping.sync(*STREAMS)
    assert stream_result(report, "leads").changes.deleted == 0
    assert {stepping.alive("leads")[json.dumps([lead])]["campaign"] for lead in moved} == {other}
    assert_mirrors(stepping, ("leads",))


@pytest.mark.medium
@pytest.mark.parametrize("stepping", [1], indirect=True)
def test_campaigns_that_were_recorded_before_a_kill_are_not_read_again(stepping: Bench, tmp_path: Path) -> None:
    origin, moved = stepping.data_dir, set(list(by_campaign(stepping))[:3])
    stepping.mutate({"op": "delete_leads", "ids": [by_campaign(stepping)[one][-1]["id"] for one in moved]})
    [workspace] = stepping.layout.workspaces()
    checkpoint = stepping.layout.state(workspace, "leads.scans")
    numbers = set()
    for kill in count(step=2):
        stepping.data_dir = tmp_path / f"{kill}"
        shutil.copytree(origin, stepping.data_dir)
        area = str(checkpoint.relative_to(origin / "lake"))
        if stepping.killed_sync(tmp_path / f"{kill} killed", kill, area, *STREAMS) is not None:
            break
        recorded = _recorded(stepping, workspace)
        stepping.forget_requests()
        stepping.sync(*STREAMS)
        assert scanned(stepping) == sorted(moved - recorded)
        assert_mirrors(stepping, ("leads",))
        numbers.add(len(recorded))
        if recorded == moved:
            break
    assert numbers > {0, 3}


def _recorded(at: Bench, workspace: str) -> set[str]:
    """The campaigns that a killed sync has recorded as read."""
    path = at.layout.state(workspace, "leads.scans")
    return {one["id"] for one in json.loads(path.read_bytes())["scans"]} if path.exists() else set()

"""Whatever is done to a world, what was rendered before is never stale and the figures still agree."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from instantly_sandbox import mutations
from instantly_sandbox.world.seeded import uuid7
from instantly_sandbox.world.world import World
from tests.sandbox.test_world import START, bytes_of, world

pytestmark = pytest.mark.whole

HOUR = 3_600_000
PLACE = st.integers(0, 10_000)
STEPS = st.one_of(
    st.tuples(st.just("advance"), st.integers(1, 100)),
    st.tuples(
        st.sampled_from(["delete_lead", "restore", "to_campaign", "to_list", "update", "insert", "rename"]), PLACE
    ),
    st.tuples(st.sampled_from(["delete_campaign", "keep_leads"]), PLACE),
)


def change(made: World, what: str, place: int, deleted: list[str]) -> None:
    """One step, on the lead or campaign that `place` points at."""
    if what == "advance":
        made.advance_to(made.now + place * HOUR)
        return
    view, campaigns = made.leads.everything(), sorted(made.records("campaigns"))
    lead = view.cursors[place % len(view.rows)].decode() if len(view.rows) else None
    campaign = campaigns[place % len(campaigns)] if campaigns else None
    op = _of_campaign(what, campaign, place) if campaign else None
    if what == "delete_lead" and lead:
        deleted.append(lead)
        op = {"op": what, "id": lead}
    elif what == "restore" and deleted:
        op = {"op": what, "collection": "leads", "id": deleted[place % len(deleted)]}
    elif what == "to_campaign" and lead and campaign:
        op = {"op": "move_lead", "id": lead, "campaign": campaign}
    elif what == "to_list" and lead:
        lists = made.leads.names.list_ids
        op = {"op": "move_lead", "id": lead, "list_id": lists[place % len(lists)]}
    elif what == "update" and lead:
        op = {"op": what, "collection": "leads", "id": lead, "set": {"x": place}, "unset": ["payload"], "touch": True}
    elif what == "insert":
        key = uuid7(made.now, "inserted", place)
        if made.leads.row_of(key) is None:
            op = {"op": what, "collection": "leads", "record": {"id": key, "status": 1, "campaign": campaign}}
    if op is not None:
        mutations.apply(made, op)


def _of_campaign(what: str, campaign: str, place: int) -> dict[str, Any] | None:
    if what == "rename":
        return {"op": "rename_campaign", "id": campaign, "name": f"n{place}"}
    if what in ("delete_campaign", "keep_leads"):
        return {"op": "delete_campaign", "id": campaign, "keep_leads": what == "keep_leads"}
    return None


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(STEPS, min_size=1, max_size=12))
@example([("insert", 0), ("keep_leads", 0)])  # which campaign an inserted lead shows once that is gone
def test_records_are_never_stale_and_figures_agree(steps: list[tuple[str, int]]) -> None:
    made, deleted = world(leads=150, accounts=6, campaigns=5), list[str]()
    for what, place in steps:
        bytes_of(made)
        change(made, what, place, deleted)
    shown = bytes_of(made)
    made.leads.forget()
    assert bytes_of(made) == shown

    view = made.leads.everything()
    ids = view.cursors.tolist()
    assert ids == sorted(set(ids))
    assert made.now >= START
    for index, campaign in enumerate(made.leads.names.campaign_ids):
        needle = f'"campaign":"{campaign}"'.encode()
        assert made.leads_counts()[index] == sum(needle in record for record in shown)
        total, daily = made.totals(index), made.daily(index).values()
        assert total["emails_sent_count"] == sum(d["sent"] for d in daily)
        assert total["open_count"] == sum(d["opened"] for d in daily)
        assert total["total_opportunities"] == sum(d["opportunities"] for d in daily)

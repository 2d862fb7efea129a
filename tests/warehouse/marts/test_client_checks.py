"""Every check of the marts about clients, weeks and what does not send passes on good rows and fails on a bad one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.marts.test_lead_checks import (
    KEY,
    NOON,
    OF_CAMPAIGN,
    OTHER_CAMPAIGN,
    OTHER_WORKSPACE,
    Row,
    assert_broken,
    assert_named_and_passed,
    con,
)

pytestmark = pytest.mark.medium
__all__ = ["con"]  # the fixture

MONDAY = date(2026, 3, 2)
GOOD: dict[str, Row] = {
    "rpt_sending_blockers": OF_CAMPAIGN | {
        "blocker": "mailboxes in error", "detail": "1 of 2 mailboxes in error", "blocks": "part", "is_passing": False,
        "is_main": True, "since": NOON, "is_since_or_earlier": False, "mailboxes_blocked": 1, "mailboxes": 2,
        "sent_per_day_before": 10.0, "costs_sends_per_day": 5.0,
    },
    "rpt_campaign_weekly": OF_CAMPAIGN | {"week": MONDAY, "is_partial": False, "sent": 5},
    "bridge_campaign_tag": OF_CAMPAIGN | {"tag_id": "t", "label": "T"},
    "bridge_account_tag": KEY | {"email": "ann@s.example", "tag_id": "t", "label": "T"},
    "bridge_campaign_client": OF_CAMPAIGN | {"client": "A", "match_by": "tag", "clients": 1},
    "dim_client": {"client": "A", "workspaces": 1, "campaigns": 2, "campaigns_active": 1},
    "rpt_client_weekly": {
        "client": "A", "week": MONDAY, "is_partial": False, "is_before_first_read": False,
        "first_runs_dry_on": MONDAY, "last_runs_dry_on": MONDAY,
    },
}  # fmt: skip
BAD: dict[str, list[tuple[str, Row]]] = {
    "rpt_sending_blockers": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, blocker", {}),
        ("the key is not null", {"blocker": None}),
        ("blocker is one of its values", {"blocker": "laziness"}),
        ("blocks is one of its values", {"blocks": "nothing"}),
        ("detail, blocks, is_passing, is_main, is_since_or_earlier not null", {"detail": None}),
        ("what passes costs nothing", {"is_passing": True}),
        ("it costs at most what was sent", {"costs_sends_per_day": 11.0}),
        ("mailboxes_blocked between 1 and mailboxes", {"mailboxes_blocked": 3}),
    ],
    "rpt_campaign_weekly": [
        OTHER_WORKSPACE, OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, week", {}),
        ("the key is not null", {"week": None}),
        ("is_partial not null", {"is_partial": None}),
        ("weeks begin on Monday", {"week": date(2026, 3, 3)}),
        ("sent >= 0", {"sent": -1}),
    ],
    "bridge_campaign_tag": [
        OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, tag_id", {}),
        ("the key is not null", {"tag_id": None}),
        ("label not null", {"label": None}),
    ],
    "bridge_account_tag": [
        ("workspace_id, email found in marts.dim_account", {"email": "nobody@s.example"}),
        ("one row per workspace_id, email, tag_id", {}),
        ("the key is not null", {"tag_id": None}),
        ("label not null", {"label": None}),
    ],
    "bridge_campaign_client": [
        OTHER_CAMPAIGN,
        ("one row per workspace_id, campaign_id, client", {}),
        ("the key is not null", {"client": None}),
        ("match_by is one of its values", {"match_by": "guess"}),
        ("a campaign belongs to one client", {"client": "B", "clients": 2}),
    ],
    "dim_client": [
        ("one row per client", {}),
        ("the key is not null", {"client": None}),
        ("workspaces, campaigns, campaigns_active not null", {"campaigns_active": None}),
        ("every client has a campaign", {"client": "B", "campaigns": 0}),
    ],
    "rpt_client_weekly": [
        ("one row per client, week", {}),
        ("the key is not null", {"week": None}),
        ("is_partial, is_before_first_read not null", {"is_partial": None}),
        ("weeks begin on Monday", {"week": date(2026, 3, 3)}),
        ("first_runs_dry_on <= last_runs_dry_on", {"first_runs_dry_on": date(2026, 3, 3)}),
    ],
}  # fmt: skip
WARNINGS = {
    "rpt_sending_blockers": {"it costs at most what was sent"},
    "rpt_campaign_weekly": {"sent >= 0"},
    "bridge_campaign_client": {"a campaign belongs to one client"},
    "dim_client": {"every client has a campaign"},
}


@pytest.mark.parametrize("mart", GOOD)
def test_every_check_of_a_mart_is_named_here_and_good_rows_pass(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, mart: str
) -> None:
    assert_named_and_passed(con, mart, tmp_path, GOOD[mart], BAD[mart], WARNINGS.get(mart, set()))


@pytest.mark.parametrize(("mart", "check", "change"), [(mart, *case) for mart, cases in BAD.items() for case in cases])
def test_a_check_fails_on_a_row_that_breaks_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, mart: str, check: str, change: Row
) -> None:
    assert_broken(con, mart, tmp_path, GOOD[mart], check, change)

"""Anomalies, reconciliation, freshness and cost, from rows one can work out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.warehouse.marts.given import Row, expect

pytestmark = pytest.mark.medium

W = {"workspace_id": "w"}


def weeks(*values: float, entity: str = "workspace", metric: str = "sent") -> list[Row]:
    """A value a week, the last on Friday 2026-02-27."""
    last = date(2026, 2, 27)
    return [
        W | {"entity": entity, "entity_id": "e", "metric": metric, "date": last - timedelta(weeks=n), "value": value}
        for n, value in enumerate(reversed(values))
    ]


def anomaly(*values: float, select: str, **seeds: Any) -> tuple[Any, ...]:
    found = expect(
        "rpt_anomalies", {"intermediate.int_daily_series": weeks(*values)} | seeds, select, order="date desc"
    )
    return tuple(found[0].values())


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((100, 100, 100, 100, 100), "usual"),
        ((100, 104, 96, 100, 0), "unusually low"),
        ((100, 104, 96, 100, 136), "unusually high"),
        ((100, 104, 96, 100, 134), "usual"),  # within 3.5 times the root of 100
        ((100, 160, 40, 100, 180), "usual"),  # it scatters widely
        ((2, 2, 2, 2, 19), "too small to judge"),
        ((100, 100, 100, 0), "too little history"),
        ((0, 0, 0, 0, 0), "too small to judge"),
        ((100, 100, 100, 9000, 100, 100, 100, 100, 100), "usual"),  # one odd week does not move the median
    ],
)
def test_a_day_is_set_against_the_same_weekday_of_the_weeks_before(values: tuple[int, ...], verdict: str) -> None:
    found = anomaly(*values, select="verdict, is_anomaly")
    assert found == (verdict, verdict.startswith("unusually"))


def test_the_score_is_in_robust_deviations() -> None:
    found = anomaly(100, 160, 40, 100, 160, 40, 200, select="usual_value, usual_deviation, score, weeks_known")
    assert found == (100, 60, pytest.approx(100 / (1.4826 * 60)), 6)


def test_a_quiet_sunday_is_set_against_sundays_only() -> None:
    sunday = date(2026, 3, 1)
    series = [
        W | {"entity": "workspace", "entity_id": "w", "metric": "sent", "date": day, "value": 100 * (day.weekday() < 6)}
        for day in (sunday - timedelta(days=n) for n in range(60))
    ]
    rows = expect("rpt_anomalies", {"intermediate.int_daily_series": series}, "date, usual_value, is_anomaly")
    assert {(row["usual_value"], row["is_anomaly"]) for row in rows} == {(100, False), (0, False)}


def test_only_eight_weeks_count_and_only_four_are_shown() -> None:
    rows = expect(
        "rpt_anomalies",
        {"intermediate.int_daily_series": weeks(*[500] * 3, *[100] * 10)},
        "weeks_known, usual_value",
        order="date desc",
    )
    assert [tuple(row.values()) for row in rows] == [(8, 100)] * 4


def test_the_threshold_is_the_users() -> None:
    rules = [
        {"mart": "rpt_anomalies", "rule": rule, "value": value}
        for rule, value in (("min_score", 1), ("min_volume", 1), ("min_weeks", 1))
    ]
    assert anomaly(10, 20, select="verdict", **{"seeds.rules": rules}) == ("unusually high",)


def series(**given: Any) -> dict[tuple[str, str, str], list[int]]:
    rows = expect("int_daily_series", {f"{_home(name)}.{name}": value for name, value in given.items()}, order="date")
    found: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        found.setdefault((row["entity"], row["entity_id"], row["metric"]), []).append(row["value"])
    return found


def _home(name: str) -> str:
    return {"int": "intermediate", "rpt": "marts", "stg": "staging"}[name.split("_", 1)[0]]


def test_quiet_days_are_zeros_until_the_last_closed_day_for_what_goes_on_and_end_with_it_for_what_does_not() -> None:
    days = [
        W | {"date": f"2026-02-{n}", "sent": n, "new_leads_contacted": None, "is_partial": n == 24}
        for n in range(20, 25)
    ]
    sends = [
        W | {"campaign_id": name, "date": "2026-02-21", "sent": 5, "new_leads_contacted": 2} for name in ("on", "done")
    ]
    campaigns = [W | {"campaign_id": "on", "status": 1, "is_listed": True}, W | {"campaign_id": "done", "status": 3}]
    accounts = [W | {"email": "a@x.example", "date": "2026-02-22", "sent": 4, "new_leads_contacted": 1}]
    found = series(
        rpt_workspace_daily=days,
        int_campaign_day=sends,
        int_campaign=campaigns,
        int_account_day=accounts,
        stg_accounts=[W | {"email": "a@x.example", "status": 1, "is_deleted": False}],
    )
    assert found == {
        ("workspace", "w", "sent"): [20, 21, 22, 23],
        ("campaign", "on", "sent"): [5, 0, 0],
        ("campaign", "on", "new_leads_contacted"): [2, 0, 0],
        ("campaign", "done", "sent"): [5],
        ("campaign", "done", "new_leads_contacted"): [2],
        ("account", "a@x.example", "sent"): [4, 0],
        ("account", "a@x.example", "new_leads_contacted"): [1, 0],
    }


# --- reconciliation


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "status", "agrees", "cause"),
    [
        ("leads", 100, 100, {}, True, "the same"),
        ("leads", 105, 100, {}, True, "leads deleted or moved since they were read"),
        ("leads", 106, 100, {"held_deletes": 6}, False, "deletions are held back"),
        ("leads", 90, 100, {"partial": True}, False, "not all leads were read in the last sync"),
        ("leads", 90, 100, {}, False, "leads added since they were read"),
        (
            "bounced",
            1,
            3,
            {},
            True,
            "leads that moved away, were deleted or changed state since still count in the counter",
        ),
        ("completed", 9, 3, {}, False, "leads that moved in bring their state along"),
        ("sent", 1020, 1000, {}, True, "days that were restated, or fell away, since the counter was read"),
        ("sent", 1021, 1000, {}, False, "days that were restated, or fell away, since the counter was read"),
        (
            "sent",
            3,
            1000,
            {"stream": "daily_analytics", "outcome": "failed"},
            False,
            "not all days were read in the last sync",
        ),
        (
            "sent by step",
            3,
            1000,
            {"stream": "step_analytics", "partial": True},
            False,
            "steps of some days are still to be read",
        ),
        ("sent by step", 3, 1000, {}, False, "days that were restated since their steps were read"),
    ],
)
def test_a_difference_has_a_likely_cause(
    metric: str, ours: int, theirs: int, status: Row, agrees: bool, cause: str
) -> None:
    row = W | {"campaign_id": "c", "metric": metric, "ours": ours, "theirs": theirs, "difference": ours - theirs}
    stream = W | {"stream": "leads", "outcome": "ok", "partial": False, "held_deletes": 0} | status
    found = expect(
        "rpt_reconciliation",
        {"intermediate.int_reconciliation": [row], "meta.stream_status": [stream]},
        "agrees, likely_cause, difference",
    )
    assert found == [{"agrees": agrees, "likely_cause": cause, "difference": ours - theirs}]


# --- freshness and cost


def fresh(status: Row, last_run: str = "2026-03-01 06:00:00+00") -> tuple[Any, ...]:
    given = {
        "meta.stream_status": [
            W | {"stream": "leads", "outcome": "ok", "partial": False, "held_deletes": 0, "rows": 1} | status
        ],
        "meta.sync_runs": [W | {"started_at": last_run}, {"workspace_id": "x", "started_at": "2026-02-01 00:00:00+00"}],
    }
    [row] = expect("rpt_data_freshness", given, "state, lag_hours")
    return tuple(row.values())


@pytest.mark.parametrize(
    ("status", "state", "lag"),
    [
        ({"last_success_at": "2026-03-01 07:00:00+00"}, "fresh", 0),
        ({"last_success_at": "2026-02-28 04:00:00+00"}, "fresh", 26),
        ({"last_success_at": "2026-02-28 03:00:00+00"}, "late", 27),
        ({"last_success_at": "2026-03-01 06:00:00+00", "partial": True}, "partial", 0),
        ({"last_success_at": "2026-03-01 06:00:00+00", "held_deletes": 3}, "deletes held", 0),
        ({"last_success_at": "2026-02-28 06:00:00+00", "outcome": "failed"}, "failed", 24),
        ({"last_success_at": "2026-01-01 06:00:00+00", "outcome": "failed", "chosen": False}, "not chosen", 1416),
        ({"outcome": "skipped"}, "never read", None),
    ],
)
def test_a_stream_is_fresh_late_or_not_read(status: Row, state: str, lag: float | None) -> None:
    assert fresh(status) == (state, lag)


def run(day: int, **more: Any) -> Row:
    return (
        W
        | {
            "run_id": f"r{day:02}",
            "stream": "leads",
            "outcome": "ok",
            "started_at": f"2026-02-{day:02} 06:00:00+00",
            "ended_at": f"2026-02-{day:02} 06:00:10+00",
            "requests": 10,
            "retries": 1,
            "rows_read": 100,
            "rows_inserted": 3,
            "rows_updated": 2,
            "rows_deleted": 0,
        }
        | more
    )


def test_the_cost_of_thirty_days_is_summed_by_stream_and_as_a_whole() -> None:
    streams = [
        run(1, requests=9000) | {"started_at": "2026-01-20 06:00:00+00"},
        run(3, planned_requests=11),
        run(20, requests=30, outcome="failed", planned_requests=28, responses_429=3),
        run(20, stream="accounts", requests=10),
    ]
    whole = [
        {
            "run_id": f"r{d:02}",
            "workspace_id": "w",
            "outcome": o,
            "started_at": f"2026-02-{d:02} 06:00:00+00",
            "ended_at": f"2026-02-{d:02} 06:01:00+00",
            "requests": n,
            "planned_requests": n - 1,
            "responses_429": 2,
            "retries": 1,
            "rows_upserted": 7,
            "rows_deleted": 1,
        }
        for d, o, n in ((3, "ok", 15), (20, "failed", 45))
    ]
    found = expect(
        "rpt_sync_cost",
        {"meta.stream_runs": streams, "meta.sync_runs": whole},
        "stream, runs, runs_not_read, requests, share_of_requests, planned_requests, requests_last_run, "
        "planned_requests_last_run, responses_429, seconds, rows_read, rows_changed, requests_per_changed_row",
        order="stream",
    )
    assert [tuple(row.values()) for row in found] == [
        ("*", 2, 1, 60, 1, 58, 45, 44, 4, 120, 300, 16, 3.75),
        ("accounts", 1, 0, 10, pytest.approx(1 / 6), None, 10, None, None, 10, 100, 5, 2),
        ("leads", 2, 1, 40, pytest.approx(2 / 3), 39, 30, 28, 3, 20, 200, 10, 4),
    ]


def test_a_run_that_was_cut_off_counts_the_requests_of_its_streams() -> None:
    cut = {"run_id": "r03", "workspace_id": "w", "started_at": "2026-02-03 06:00:00+00", "requests": 0}
    found = expect(
        "rpt_sync_cost",
        {"meta.stream_runs": [run(3, requests=30)], "meta.sync_runs": [cut]},
        "stream, requests, share_of_requests",
        order="stream",
    )
    assert [tuple(row.values()) for row in found] == [("*", 30, 1), ("leads", 30, 1)]

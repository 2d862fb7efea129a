"""What a sync takes from the file of a probe: where it has to, and what it would find out by refused requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from instantly_pipeline.errors import UsageError
from instantly_pipeline.sync.api_facts import ApiFacts, api_name
from instantly_pipeline.sync.limits import Dates
from tests.sync.harness import Bench, bench

DAILY = "/api/v2/campaigns/analytics/daily"
STEPS = "/api/v2/campaigns/analytics/steps"
NOTHING: dict[str, Any] = {"daily_days": None, "step_dates": None, "step_end_included": None}


def probe_file(folder: Path, **facts: Any) -> Path:
    path = folder / "probe.json"
    path.write_text(json.dumps({"format": 1, "for_sync": NOTHING | facts}))
    return path


def sent_by_day(at: Bench, stream: str) -> dict[tuple[str, str], int]:
    """E-mails by campaign and day, of the days that have steps at all."""
    sent: dict[tuple[str, str], int] = {}
    for row in at.alive(stream).values():
        day = (row["campaign_id"], str(row["date"]))
        sent[day] = sent.get(day, 0) + row["sent"]
    return {day: number for day, number in sent.items() if number}


def statuses(at: Bench, path: str) -> set[int]:
    return {request["status"] for request in at.requests() if request["path"] == path}


@pytest.mark.medium
def test_steps_arrive_where_only_plain_dates_are_taken_and_the_last_day_is_left_out(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.post("/switches", {"full_timestamps": False, "end_date_inclusive": False})
        known = probe_file(tmp_path, step_dates="plain", step_end_included=False)
        at.sync("campaigns", "daily_analytics", "step_analytics", settings={"probe_file": known}, full=True)
        assert sent_by_day(at, "step_analytics") == sent_by_day(at, "daily_analytics") != {}
        assert statuses(at, STEPS) == {200}


@pytest.mark.medium
def test_ranges_are_asked_for_in_the_length_that_is_known_to_be_taken(tmp_path: Path) -> None:
    with bench(tmp_path) as at:
        at.post("/switches", {"max_campaign_days": {DAILY: 7}})
        at.sync("campaigns", "daily_analytics", settings={"probe_file": probe_file(tmp_path, daily_days=7)})
        assert statuses(at, DAILY) == {200}
        assert at.alive("daily_analytics")


def test_without_the_setting_nothing_is_known() -> None:
    assert ApiFacts.read(None) == ApiFacts(None, None, None)


def test_the_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    facts = ApiFacts(31, Dates.PLAIN, step_end_included=False)
    assert ApiFacts.read(probe_file(tmp_path, **json.loads(json.dumps(facts.as_json())))) == facts


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2, "for_sync": {}}', '{"format": 1, "for_sync": []}',
                                     '{"format": 1, "for_sync": {"daily_days": 31}}'])  # fmt: skip
def test_another_file_is_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    path = tmp_path / "probe.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"INSTANTLY_PROBE_FILE.*is not a file of.*doctor --probe"):
        ApiFacts.read(path)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("daily_days", value, "a whole number of days, 1 or more") for value in (0, -1, 31.5, "31", True, [31])),
        *(("step_dates", value, "one of instants, plain") for value in ("iso", "", 1, ["plain"])),
        *(("step_end_included", value, "true or false") for value in ("no", 0, 1.0)),
    ],
)
def test_a_value_that_no_probe_writes_is_named_with_what_it_has_to_be(
    tmp_path: Path, name: str, value: Any, expected: str
) -> None:
    path = probe_file(tmp_path, **{name: value})
    with pytest.raises(UsageError) as refused:
        ApiFacts.read(path)
    for part in (str(path), f"has {json.dumps(value)} as for_sync.{name}", expected, "doctor --probe"):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("probed", "synced", "is_taken"),
    [
        ("https://api.instantly.ai", "https://api.instantly.ai", True),
        ("https://api.instantly.ai", "http://127.0.0.1:8000", False),
        ("https://proxy.example", "https://api.instantly.ai", False),
        ("https://proxy.example", "https://other.example", False),
        ("http://127.0.0.1:8000", "http://localhost:9000", True),
    ],
)
def test_the_file_of_another_server_is_refused(tmp_path: Path, probed: str, synced: str, is_taken: bool) -> None:
    path = probe_file(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"api": api_name(probed)}))
    assert "proxy" not in path.read_text()
    if is_taken:
        ApiFacts.read(path, synced)
        return
    with pytest.raises(UsageError, match=rf"INSTANTLY_PROBE_FILE: .* is about .*, and INSTANTLY_BASE_URL is {synced}"):
        ApiFacts.read(path, synced)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"INSTANTLY_PROBE_FILE: .*none\.json cannot be read: No such file"):
        ApiFacts.read(tmp_path / "none.json")

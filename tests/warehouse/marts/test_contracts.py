"""Every promise is broken once, by one changed row, and the check for it is seen to notice.

Those of the marts about leads, lists and replies, which believable worlds leave empty, are broken in
`test_lead_checks`, those about clients and what does not send in `test_client_checks`; the checks of `sql/checks`, the
shape of a mart and its emptiness in `test_checks`; those of the seeds in `test_seeds`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.checks.check_queries import model_checks, stream_checks
from instantly_pipeline.warehouse.db.sql_text import ident
from instantly_pipeline.warehouse.models.model import Model
from tests.warehouse.lake_writer import shipped_models
from tests.warehouse.marts.worlds import Synced

pytestmark = pytest.mark.whole

ELSEWHERE = ("clients.yml", "copy.yml", "leads.yml", "lists.yml", "replies.yml", "sources.yml")

# What breaks an expression, where setting its column to 2 or -1 does not.
BREAKS = {
    "status_label not like 'unknown%'": "status_label = 'unknown (7)'",
    "stat_warmup_score between 0 and 100": "stat_warmup_score = 101",
    "unique_replies <= replies": "unique_replies = replies + 1",
    "bounced <= sent": "sent = 1, bounced = 2",
    "posterior_mean between 0 and 1 and chance_best between 0 and 1 and expected_loss >= 0": "chance_best = 2",
    "accounts_active <= accounts": "accounts_active = accounts + 1",
    "weekday between 1 and 7": "weekday = 0",
    "isodow(week_start) = 1": "week_start = week_start + 1",
    "leads_in_campaigns <= leads and leads_contacted <= leads": "leads_contacted = leads + 1",
    "valid_to is null or valid_to > valid_from": "valid_to = valid_from",
    "is_current = (valid_to is null)": "is_current = not is_current",
    "chance_best between 0 and 1 and expected_loss >= 0": "expected_loss = -0.1",
    "posterior_mean between posterior_low and posterior_high": "posterior_mean = 2",
    "unique_replies <= sent": "unique_replies = sent + 1",
    "(scope = 'domain') = (email is null)": "scope = case scope when 'account' then 'domain' else 'account' end",
    "subsequence_follow_ups_due <= follow_ups_due": "subsequence_follow_ups_due = follow_ups_due + 1",
    "inbox + category + spam = placed and placed <= received": "spam = spam + 1",
    "test_inbox_7d + test_spam_7d <= test_placed_7d": "test_placed_7d = 0, test_spam_7d = 1, test_inbox_7d = 0",
    "change_made_at <= valid_from": "change_made_at = valid_from + interval 1 second",
    "headroom >= 0 and follow_ups_due >= 0 and headroom <= usable_limit": "headroom = usable_limit + 1",
    "usable_limit in (0, daily_limit)": "usable_limit = daily_limit + 1",
    "daily_limit = usable_limit + limit_in_error + limit_paused + limit_red + limit_not_ready + limit_without_campaign "
    "+ limit_without_sending_day": "limit_paused = limit_paused + 1",
    "headroom between 0 and headroom_of_mailboxes and headroom_of_mailboxes <= usable_limit": "headroom = -1",
    "by_address or by_tag or coalesce(by_mapping, false)": "by_address = false, by_tag = false, by_mapping = null",
    "act <> 'use' or is_ready": "act = 'use', is_ready = false",
    "days_left_low <= days_left and days_left <= days_left_high": "days_left_low = 9, days_left = 8",
    "sending_days_a_week between 1 and 7": "sending_days_a_week = 8",
    "runs_dry_on_low <= runs_dry_on and runs_dry_on <= runs_dry_on_high": "runs_dry_on = as_of_date - 1, "
    "runs_dry_on_low = as_of_date",
    "runs_dry_on_low >= as_of_date - 1": "runs_dry_on_low = as_of_date - 2",
    "is_anomaly = (verdict like 'unusually%')": "is_anomaly = not is_anomaly",
    "rate_difference between rate_difference_low and rate_difference_high": (
        "rate_difference_low = 0, rate_difference_high = 1, rate_difference = 2"
    ),
    "difference = ours - theirs": "difference = ours - theirs + 1",
    "requests >= 0 and runs > 0": "runs = 0",
    "state in ('fresh', 'partial', 'not chosen')": "state = 'late'",
    "cumulative_share_of_replies between 0 and 1.000001": "cumulative_share_of_replies = 2",
    "share_of_requests between 0 and 1.000001": "share_of_requests = 2",
}


@pytest.fixture
def con(world_of: Callable[[str], Synced]) -> duckdb.DuckDBPyConnection:
    return world_of("believable").con


def promising() -> list[Model]:
    return [m for m in shipped_models().values() if (m.key or m.checks) and not (m.path and _elsewhere(m.path, m.name))]


def _elsewhere(path: Path, name: str) -> bool:
    files = (path.parent / file for file in ELSEWHERE)
    return any(f"- name: {name}\n" in file.read_text(encoding="utf-8") for file in files if path.parent.name == "marts")


@pytest.mark.parametrize("model", promising(), ids=lambda m: m.name)
def test_each_promise_is_seen_to_be_broken(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    checks = {check.name.removeprefix(f"{model.full_name}: "): check.sql for check in model_checks(model)}
    assert checks
    assert {name for name, sql in checks.items() if _offending(con, sql)} == set()
    for name, sql in checks.items():
        _assert_noticed(con, _break(model, name), sql)


@pytest.mark.parametrize("stream", all_streams().values(), ids=lambda s: s.name)
def test_each_promise_of_a_stream_is_seen_to_be_broken(world_of: Callable[[str], Synced], stream: Stream) -> None:
    con = world_of("nasty" if stream.name == "workspace_group_members" else "believable").con  # of two workspaces
    for check in stream_checks({stream.name: stream}):
        assert not _offending(con, check.sql)
        if "one row per key" in check.name:
            change = f"insert into raw.{stream.name} select * from raw.{stream.name} limit 1"
        else:
            change = f"update raw.{stream.name} set " + ", ".join(f"{ident(name)} = null" for name in stream.key)
        _assert_noticed(con, change, check.sql)


def _assert_noticed(con: duckdb.DuckDBPyConnection, change: str, sql: str) -> None:
    con.begin()
    try:
        con.execute(change)
        assert _offending(con, sql), f"not noticed: {change}"
    finally:
        con.rollback()


def _offending(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    [(count,)] = con.execute(f"select count(*) from ({sql}\n) offending").fetchall()
    return int(count)


def _break(model: Model, name: str) -> str:
    """A statement that breaks the promise of that name."""
    table = ident(model.full_name)
    # the first row, or the first of those a condition put before the bracket leaves
    change = f"update {table} set {{}} where rowid = (select min(rowid) from {table})"
    types = {column.name: column.type for column in model.columns}
    if name.startswith("one row per "):
        return f"insert into {table} select * from {table} limit 1"
    if name == "the key is not null":
        return change.format(f"{next(key for key in model.key if key not in model.nullable_key)} = null")
    if name.endswith(" not null"):
        return change.format(f"{name.removesuffix(' not null').split(', ')[-1]} = null")
    if name.endswith(" is one of its values"):
        return change.format(f"{name.removesuffix(' is one of its values')} = 'nonsense'")
    if " found in " in name:
        column = name.split(" found in ")[0].split(", ")[-1]
        return change.format(f"{column} = 'nowhere'").removesuffix(")") + f" where {column} is not null)"
    if name in BREAKS:
        return change.format(BREAKS[name])
    simple = re.fullmatch(r"(\w+) (between 0 and 1|>= 0)", name)
    assert simple, f"say in BREAKS how to break {name!r}"
    assert types[simple[1]] in ("DOUBLE", "BIGINT")
    return change.format(f"{simple[1]} = {2 if 'between' in simple[2] else -1}")


def test_every_break_is_of_a_promise_there_is() -> None:
    promised = {str(check.of) for model in promising() for check in model.checks if check.kind == "expression"}
    assert promised >= BREAKS.keys()

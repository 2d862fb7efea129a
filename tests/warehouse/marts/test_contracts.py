"""Every promise of the marts is broken once, by one changed row, and the check for it is seen to notice."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.warehouse.checks import model_questions
from instantly_pipeline.warehouse.models import Model
from instantly_pipeline.warehouse.sqltext import ident
from tests.warehouse.lakehelp import shipped_models
from tests.warehouse.marts.worlds import Synced

FILES = ("dimensions.yml", "steps.yml", "senders.yml", "watch.yml")

# What breaks an expression, where setting its column to 2 or -1 does not.
BREAKS = {
    "accounts_active <= accounts": "accounts_active = accounts + 1",
    "weekday between 1 and 7": "weekday = 0",
    "isodow(week_start) = 1": "week_start = week_start + 1",
    "leads_in_campaigns <= leads and leads_contacted <= leads": "leads_contacted = leads + 1",
    "valid_to is null or valid_to > valid_from": "valid_to = valid_from",
    "is_current = (valid_to is null)": "is_current = not is_current",
    "chance_best between 0 and 1 and expected_loss >= 0": "expected_loss = -0.1",
    "posterior_mean between posterior_low and posterior_high": "posterior_mean = 2",
    "unique_replies <= sent": "unique_replies = sent + 1",
    "(scope = 'workspace') = (email is null)": "scope = case scope when 'account' then 'workspace' else 'account' end",
    "headroom >= 0 and follow_ups_due >= 0 and headroom <= daily_limit": "headroom = daily_limit + 1",
    "days_left_low <= days_left and days_left <= days_left_high": "days_left_low = 9, days_left = 8",
    "sending_days_a_week between 1 and 7": "sending_days_a_week = 8",
    "runs_dry_on >= as_of_date": "runs_dry_on = as_of_date - 1",
    "is_anomaly = (verdict like 'unusually%')": "is_anomaly = not is_anomaly",
    "difference = ours - theirs": "difference = ours - theirs + 1",
    "requests >= 0 and runs > 0": "runs = 0",
    "state in ('fresh', 'partial')": "state = 'late'",
    "cumulative_share_of_replies between 0 and 1.000001": "cumulative_share_of_replies = 2",
    "share_of_requests between 0 and 1.000001": "share_of_requests = 2",
}


@pytest.fixture
def con(world_of: Callable[[str], Synced]) -> duckdb.DuckDBPyConnection:
    return world_of("believable").con


def marts() -> list[Model]:
    return [m for m in shipped_models().values() if m.schema == "marts" and m.path and _described_in(m.path, m.name)]


def _described_in(path: Path, name: str) -> bool:
    return any(f"- name: {name}\n" in (path.parent / file).read_text(encoding="utf-8") for file in FILES)


@pytest.mark.parametrize("model", marts(), ids=lambda m: m.name)
def test_each_promise_is_seen_to_be_broken(con: duckdb.DuckDBPyConnection, model: Model) -> None:
    questions = {
        question.name.removeprefix(f"{model.full_name}: "): question.sql for question in model_questions(model)
    }
    assert questions
    assert {name for name, sql in questions.items() if _offending(con, sql)} == set()
    for name, sql in questions.items():
        con.begin()
        try:
            con.execute(_break(model, name))
            assert _offending(con, sql), f"{name} did not notice: {_break(model, name)}"
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
    promised = {str(check.of) for model in marts() for check in model.checks if check.kind == "expression"}
    assert promised >= BREAKS.keys()

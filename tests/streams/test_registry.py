"""The registry finds every declaration, orders parents before children and refuses what does not exist."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from instantly_pipeline.errors import UsageError
from instantly_pipeline.streams import catalog
from instantly_pipeline.streams.model import ALL, GROUPS, Absent, Column, Read, Stream, Type
from instantly_pipeline.streams.registry import all_streams, select_streams, sort_by_needs


def _stream(name: str, *needs: str) -> Stream:
    column = Column("id", Type.TEXT, "Id")
    return Stream(name, name, "/x", Read.SCAN, ("id",), Absent.DELETED, (column,), needs=needs)


def test_every_declaration_in_the_catalog_is_a_stream() -> None:
    declared = [
        keyword.value.value
        for file in Path(catalog.__path__[0]).glob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Stream"
        for keyword in call.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    ]
    assert sorted(all_streams()) == sorted(declared)
    assert {"campaigns", "leads", "accounts"} < set(declared)


def test_parents_come_before_children() -> None:
    order = list(all_streams())
    for stream in all_streams().values():
        for need in stream.needs:
            assert order.index(need) < order.index(stream.name), f"{stream.name} before {need}"


def test_a_selection_is_in_order_too_and_leaves_out_what_was_not_asked_for() -> None:
    assert list(select_streams(["leads", "campaigns", "leads"])) == ["campaigns", "leads"]
    assert list(select_streams([" daily_analytics "])) == ["daily_analytics"]


def test_no_selection_means_the_group_core() -> None:
    assert select_streams(None) == select_streams(["core"])
    assert {stream.group for stream in select_streams(None).values()} == {"core"}


def test_a_selection_mixes_streams_and_groups() -> None:
    core = {name for name, stream in all_streams().items() if stream.group == "core"}
    assert set(select_streams(["core", "leads"])) == core
    assert select_streams(["leads", "all"]) == all_streams()


def test_a_group_and_a_stream_of_one_name_are_the_same() -> None:
    for name in all_streams().keys() & GROUPS.keys():
        assert list(select_streams([name])) == [name]
    assert ALL not in {*GROUPS, *all_streams()}


def test_a_stream_of_an_unknown_group_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no group 'other'.*core.*placement"):
        replace(_stream("a"), group="other")


def test_a_caller_cannot_change_the_registry_through_a_selection() -> None:
    select_streams(None).clear()
    assert all_streams()


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UsageError, match=r"no stream or group 'lead'.*all, core, .*campaigns.*leads"):
        select_streams(["leads", "lead"])


@pytest.mark.parametrize("names", [[], ["", " "]])
def test_an_empty_selection_is_refused(names: list[str]) -> None:
    with pytest.raises(UsageError, match="No stream was named"):
        select_streams(names)


def test_streams_that_need_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="cycle: a, b"):
        sort_by_needs([_stream("a", "b"), _stream("b", "a")])


@pytest.mark.parametrize(
    ("name", "column", "key", "problem"),
    [
        ("Leads", "id", "id", "lower case"),
        ("leads", "extra", "extra", "'extra' cannot be"),
        ("leads", "workspace_id", "workspace_id", r"'workspace_id' cannot be .* aliases=\('workspace_id',\)"),
        ("leads", "_row_hash", "_row_hash", "'_row_hash' cannot be"),
        ("leads", "id", "email", "'email' is not a column of the stream"),
    ],
)
def test_a_faulty_declaration_is_refused_when_it_is_made(name: str, column: str, key: str, problem: str) -> None:
    columns = (Column(column, Type.TEXT, "Id"),)
    with pytest.raises(ValueError, match=problem):
        Stream(name, "about", "/x", Read.SCAN, (key,), Absent.DELETED, columns)


def test_two_columns_of_one_name_are_refused() -> None:
    columns = (Column("id", Type.TEXT, "Id"), Column("id", Type.INT, "Id again"))
    with pytest.raises(ValueError, match="same name"):
        Stream("x", "about", "/x", Read.SCAN, ("id",), Absent.DELETED, columns)

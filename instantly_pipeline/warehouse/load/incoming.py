"""The rows of new change files, as keys in the temporary table `incoming`: what the versions are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import duckdb

from instantly_pipeline.warehouse.db.sql_text import instant, path_list, text
from instantly_pipeline.warehouse.load.loaded_files import Reach, Seen


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one workspace with the same columns: what one statement reads."""

    number: int
    workspace_id: str
    columns: frozenset[str]
    seen: tuple[Seen, ...]
    upto: datetime | None

    @property
    def source(self) -> str:
        """The rows of the part, up to its limit."""
        paths = path_list(one.file.path for one in self.seen)
        rows = f"read_parquet({paths}, hive_partitioning = false)"
        if self.upto is None:
            return rows
        return f"(select *, file_index, file_row_number from {rows} where _synced_at <= {instant(self.upto)})"


def read_incoming(
    con: duckdb.DuckDBPyConnection, seen: Sequence[Seen], limits: Mapping[str, datetime] | None
) -> tuple[list[Part], dict[str, Reach]]:
    """The files as parts, and how far each reaches; only workspaces in `limits`, each up to its instant (None: all)."""
    chosen = seen if limits is None else [one for one in seen if one.file.workspace_id in limits]
    if not chosen:
        return [], {}
    con.execute(_NO_INCOMING)
    reach: dict[str, Reach] = {}
    parts = _parts(chosen, _columns_of(con, chosen), limits or {})
    for part in parts:
        con.execute(
            f"insert into incoming select {part.number}, file_index, file_row_number, {text(part.workspace_id)}, "
            f"_key, _synced_at, _run_id, _op, _row_hash from {part.source}"
        )
        reach |= _reach(con, part)
    return parts, reach


def _columns_of(con: duckdb.DuckDBPyConnection, seen: Sequence[Seen]) -> dict[str, frozenset[str]]:
    """The columns of each file, by its path."""
    paths = path_list(one.file.path for one in seen)
    found = con.execute(f"select file_name, list(name) from parquet_schema({paths}) group by file_name")
    return {file: frozenset(names) for file, names in found.fetchall()}


def _parts(seen: Sequence[Seen], names: Mapping[str, frozenset[str]], limits: Mapping[str, datetime]) -> list[Part]:
    by_shape = {one: (one.file.workspace_id, tuple(sorted(names[str(one.file.path)]))) for one in seen}
    grouped = groupby(sorted(seen, key=lambda one: (by_shape[one], one.file.name)), key=by_shape.__getitem__)
    return [
        Part(number, workspace_id, frozenset(found), tuple(files), limits.get(workspace_id))
        for number, ((workspace_id, found), files) in enumerate(grouped)
    ]


def _reach(con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, Reach]:
    found = con.execute(
        "select file, count(*), min(_synced_at)::varchar, max(_synced_at)::varchar from incoming "
        "where part = ? group by file",
        [part.number],
    )
    return {
        part.seen[index].file.name: Reach(rows, datetime.fromisoformat(first), datetime.fromisoformat(last))
        for index, rows, first, last in found.fetchall()
    }


_NO_INCOMING = """
create or replace temp table incoming (
    part bigint, file bigint, row bigint,
    workspace_id varchar, _key varchar, _synced_at timestamptz, _run_id varchar, _op varchar, _row_hash varchar
)
"""

"""Runs the queries of the report, one per file of `sql/`, on the published file, read-only.

A query reads all workspaces at once; its rows are split by their column `workspace_id`, those of a query named
`client_...` by `client`. It limits its own rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from instantly_pipeline.errors import StorageError
from instantly_pipeline.visible import visible
from instantly_pipeline.warehouse.published.published_file import explained, open_published

SQL = Path(__file__).with_name("sql")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """The results of all queries. `answers` maps a query's name to workspace id, or client, to rows."""

    published_at: datetime | None
    workspaces: list[Row]
    thresholds: dict[str, Row]
    clients: list[Row]
    answers: dict[str, dict[str, list[Row]]] = field(default_factory=dict)

    def rows(self, question: str, of: str) -> list[Row]:
        """The rows of a query for one workspace or client."""
        return self.answers[question].get(of, [])

    def row(self, question: str, workspace_id: str) -> Row | None:
        """The row of a query with one row per workspace; None if it has none for this one."""
        found = self.rows(question, workspace_id)
        return found[0] if found else None


def read_facts(published_file: Path) -> Facts:
    """Run all queries on one state of the published file.

    UsageError if nothing was published, StorageError if this version cannot read the file.
    """
    con = open_published(published_file)
    try:
        with explained("The report"):
            asked = {path.stem: _rows(con, path.read_text(encoding="utf-8")) for path in sorted(SQL.glob("*.sql"))}
            [[at]] = con.execute("select max(published_at)::varchar from meta.published").fetchall()
    except duckdb.Error as error:
        raise StorageError(
            f"{published_file} cannot be read by this version ({str(error).splitlines()[0]}). "
            "`instantly-pipeline rebuild` builds it again."
        ) from error
    finally:
        con.close()
    workspaces, thresholds, clients = asked.pop("workspaces"), asked.pop("thresholds"), asked.pop("client_names")
    return Facts(
        published_at=None if at is None else datetime.fromisoformat(at).astimezone(UTC),
        workspaces=workspaces,
        thresholds={row["metric"]: row for row in thresholds},
        clients=clients,
        answers={
            question: _split(rows, "client" if question.startswith("client_") else "workspace_id")
            for question, rows in asked.items()
        },
    )


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    answer = con.execute(sql)
    names = [column[0] for column in answer.description or ()]
    return [{name: _shown(name, value) for name, value in zip(names, row, strict=True)} for row in answer.fetchall()]


def _shown(name: str, value: Any) -> Any:
    """The value without control characters, on one line; workspace ids are never shown and stay unchanged."""
    return visible(value, " ") if isinstance(value, str) and name != "workspace_id" else value


def _split(rows: list[Row], by: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[by], []).append(row)
    return found

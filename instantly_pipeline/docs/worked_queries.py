"""The worked questions of `sql/queries`: one SELECT each on the published file, described in the comments above it.

-- Which campaigns ...?
-- Asked by: sales lead
-- How to read it: one sentence
-- Empty: what no rows mean                   only if that is possible
-- Columns: campaign_name, sent
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from instantly_pipeline.errors import ModelError
from instantly_pipeline.warehouse.models.lineage.used_tables import parse


@dataclass(frozen=True, slots=True)
class WorkedQuery:
    """One question and its SELECT. `empty` says what no rows mean, "" if there should be some."""

    path: Path
    question: str
    asked_by: str
    reading: str
    empty: str
    columns: tuple[str, ...]
    sql: str


def read_queries(sql_dir: Path) -> list[WorkedQuery]:
    """All questions, by file name. ModelError names a file with a wrong header or SELECT."""
    return [_read(path) for path in sorted((sql_dir / "queries").glob("*.sql"))]


def _read(path: Path) -> WorkedQuery:
    text = path.read_text(encoding="utf-8")
    parse(text, path)
    lines = [line.removeprefix("-- ") for line in text.splitlines() if line.startswith("-- ")]
    header = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    missing = [name for name in ("Asked by", "How to read it", "Columns") if name not in header]
    if not lines or missing:
        raise ModelError(f"{path} should begin with its question and the lines {', '.join(missing)} as comments.")
    return WorkedQuery(
        path=path,
        question=lines[0],
        asked_by=header["Asked by"],
        reading=header["How to read it"],
        empty=header.get("Empty", ""),
        columns=tuple(header["Columns"].split(", ")),
        sql=text.strip(),
    )

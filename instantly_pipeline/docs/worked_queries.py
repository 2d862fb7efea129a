"""The worked questions of `sql/queries`: one SELECT each on the published file, told in the comment lines above it.

-- Which campaigns ...?
-- Asked by: sales lead
-- How to read it: one sentence
-- Empty: what no rows mean                   only where that may be
-- Columns: campaign_name, sent
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from instantly_pipeline.errors import ModelError
from instantly_pipeline.warehouse.models.parsed import parse


@dataclass(frozen=True, slots=True)
class WorkedQuery:
    """One question and its answer. `empty` says what no rows mean, "" where there should be some."""

    path: Path
    question: str
    asked_by: str
    reading: str
    empty: str
    columns: tuple[str, ...]
    sql: str


def read_queries(sql_dir: Path) -> list[WorkedQuery]:
    """Every question, by name of the file. ModelError names a file whose head or SELECT is not as it should be."""
    return [_read(path) for path in sorted((sql_dir / "queries").glob("*.sql"))]


def _read(path: Path) -> WorkedQuery:
    text = path.read_text(encoding="utf-8")
    parse(text, path)
    lines = [line.removeprefix("-- ") for line in text.splitlines() if line.startswith("-- ")]
    told = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    missing = [name for name in ("Asked by", "How to read it", "Columns") if name not in told]
    if not lines or missing:
        raise ModelError(f"{path} should begin with its question and the lines {', '.join(missing)} as comments.")
    return WorkedQuery(
        path=path,
        question=lines[0],
        asked_by=told["Asked by"],
        reading=told["How to read it"],
        empty=told.get("Empty", ""),
        columns=tuple(told["Columns"].split(", ")),
        sql=text.strip(),
    )

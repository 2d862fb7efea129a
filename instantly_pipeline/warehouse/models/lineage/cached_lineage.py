"""A cache of the lineage of all models, in a file beside the build file: computing it takes most of a second.

The file may be deleted at any time. It is rebuilt if it is missing or damaged, or if the models, sqlglot or
`column_lineage.py` have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import orjson

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.durable import write_durably
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.sql_text import digest
from instantly_pipeline.warehouse.models.model import Model, given_tables

Source = tuple[str, str]  # full table name, column
Columns = dict[str, list[Source]]  # by column what it is computed from


def cached_lineage(models: Mapping[str, Model], streams: Mapping[str, Stream], *, cache: Path) -> dict[str, Columns]:
    """By model, every column with the columns it is computed from, one step up. `cache` is the file.

    `models` come each after those it reads. ModelError names the model with SQL that cannot be resolved. A failure to
    write the file is ignored.
    """
    made_from = _digest(models, streams)
    found = _read(cache, made_from)
    if found is None:
        from instantly_pipeline.warehouse.models.lineage.column_lineage import ColumnLineage  # sqlglot

        lineage = ColumnLineage(models, given_tables(streams, {}))
        found = {name: lineage.of(name) for name in models}
        with suppress(StorageError):
            write_durably(cache, orjson.dumps({"made_from": made_from, "models": found}))
    return found


def origins(table: str, column: str, steps: Mapping[str, Columns]) -> set[Source]:
    """The columns of raw, history, meta and seeds that a column is computed from; `steps` by full name of the model."""
    found: set[Source] = set()
    waiting, seen = [(table, column)], set[Source]()
    while waiting:
        source = waiting.pop()
        if source in seen:
            continue
        seen.add(source)
        if source[0] in steps:
            waiting += steps[source[0]].get(source[1], [])
        else:
            found.add(source)
    return found


def _digest(models: Mapping[str, Model], streams: Mapping[str, Stream]) -> str:
    texts = [text for model in models.values() for text in (model.full_name, model.sql)]
    code = Path(__file__).with_name("column_lineage.py").read_text(encoding="utf-8")
    return digest(version("sqlglot"), code, repr(given_tables(streams, {})), *texts)


def _read(path: Path, made_from: str) -> dict[str, Columns] | None:
    """The contents of the file, None if it is missing, damaged or out of date."""
    try:
        found = orjson.loads(path.read_bytes())
        if found["made_from"] != made_from:
            return None
        return {name: _columns(columns) for name, columns in found["models"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _columns(found: Mapping[str, list[list[str]]]) -> Columns:
    return {column: [(table, name) for table, name in sources] for column, sources in found.items()}

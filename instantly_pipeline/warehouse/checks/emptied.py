"""Marts that had rows when last published and have none now, and whether deletions explain that.

An emptied mart is a sign that something broke: files that are lost, a model that was changed. It is not where the
lake says that what the mart was about was deleted: a tombstone is made only of what the API confirmed or the user
accepted, and deletions that the user accepts are not questioned again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from instantly_pipeline.errors import ModelError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.sql_text import columns, first, ident, text
from instantly_pipeline.warehouse.models.lineage.cached_lineage import cached_lineage, origins
from instantly_pipeline.warehouse.models.model import Model


@dataclass(frozen=True, slots=True)
class Emptiness:
    """A mart, and how many rows it has lost without an explanation."""

    table: str
    unexplained: int


def look_for_emptied(
    con: duckdb.DuckDBPyConnection,
    models: Mapping[str, Model],
    streams: Mapping[str, Stream],
    layout: Layout,
    accepted: Collection[str],
) -> list[Emptiness]:
    """Every mart that is not allowed to be empty; `accepted` are streams whose deletions the user has accepted."""
    marts = [model for model in models.values() if model.schema == "marts" and not model.may_be_empty]
    lost = {model.name: published_rows(layout, model.name) for model in marts if _is_empty(con, model)}
    if any(lost.values()):
        origins = _Origins(models, streams, layout)
        for model in marts:
            if lost.get(model.name):
                of = origins.of_key(model)
                is_accepted = bool((of.keys() or streams.keys()) & set(accepted))
                if is_accepted or any(_all_deleted(con, layout, model, stream, pairs) for stream, pairs in of.items()):
                    lost[model.name] = 0
    return [Emptiness(model.full_name, lost.get(model.name, 0)) for model in marts]


def mart_file(layout: Layout, name: str) -> Path:
    """Where a mart is published as Parquet."""
    return layout.publish / "marts" / f"{name}.parquet"


def published_rows(layout: Layout, name: str) -> int:
    """How many rows a mart had when it was last published (0 where it never was).

    From the Parquet file beside the published database, which another part of this process may have open.
    """
    try:
        return int(pq.read_metadata(mart_file(layout, name)).num_rows)
    except (OSError, ValueError):
        return 0


class _Origins:
    """Which records of which streams the rows of a model are about, as the lineage of the models says."""

    def __init__(self, models: Mapping[str, Model], streams: Mapping[str, Stream], layout: Layout) -> None:
        self._keys = {f"raw.{name}": (*stream.key, "workspace_id") for name, stream in streams.items()}
        try:
            lineage = cached_lineage(models, streams, cache=layout.work / "lineage.json")
        except ModelError:
            lineage = {}
        self._steps = {model.full_name: lineage.get(model.name, {}) for model in models.values()}

    def of_key(self, model: Model) -> dict[str, list[tuple[str, str]]]:
        """By stream the columns of a mart's key that hold a part of the stream's key, each with that part.

        Only streams whose records the mart's rows name, by more than their workspace.
        """
        found: dict[str, list[tuple[str, str]]] = {}
        for column in model.key:
            for table, origin in sorted(origins(model.full_name, column, self._steps)):
                if origin in self._keys.get(table, ()):
                    found.setdefault(table.removeprefix("raw."), []).append((column, origin))
        return {stream: pairs for stream, pairs in found.items() if {of for _, of in pairs} != {"workspace_id"}}


def _is_empty(con: duckdb.DuckDBPyConnection, model: Model) -> bool:
    return first(con.execute(f"select 1 from {ident(model.full_name)} limit 1").fetchall()) is None


def _all_deleted(
    con: duckdb.DuckDBPyConnection, layout: Layout, model: Model, stream: str, pairs: Collection[tuple[str, str]]
) -> bool:
    """Whether each published row of a mart that names something of a stream names what is all deleted by now."""
    named = " and ".join(f"p.{ident(column)} is not null" for column, _ in pairs)
    same = " and ".join(f"lower(p.{ident(column)}::varchar) = lower(r.{ident(of)}::varchar)" for column, of in pairs)
    values = columns(list(dict.fromkeys(column for column, _ in pairs)), "p.")
    published = f"read_parquet({text(str(mart_file(layout, model.name)))})"
    left = con.execute(  # of what it named: whether anything is there, or was not deleted but never was
        f"select bool_or(r._key is null or r._deleted_at is null) "
        f"from (select distinct {values} from {published} p where {named}) p left join raw.{ident(stream)} r on {same}"
    ).fetchall()
    return left == [(False,)]

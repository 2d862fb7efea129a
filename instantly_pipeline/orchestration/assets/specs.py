"""The declarations of assets and checks, from the streams and the SQL models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import dagster as dg

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.run.freshness import LATE, TOO_LATE
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.tables import TableColumn, raw_table
from instantly_pipeline.warehouse.models.contracts import read_contracts
from instantly_pipeline.warehouse.models.model import Model


def lake_specs(streams: Mapping[str, Stream]) -> list[dg.AssetSpec]:
    """One asset per stream: its change log, read from the API."""
    return [
        dg.AssetSpec(
            asset_keys.lake(stream.name),
            deps=[asset_keys.lake(need) for need in stream.needs if need in streams],
            description=f"{stream.about}. All versions, as Parquet; read from {stream.method} {stream.path}.",
            group_name="lake",
            kinds={"parquet"},
            metadata={"endpoint": f"{stream.method} {stream.path}", "key": ", ".join(stream.key) or "(one row)"},
        )
        for stream in streams.values()
    ]


def raw_specs(streams: Mapping[str, Stream]) -> list[dg.AssetSpec]:
    """One asset per stream: its current state, one row per key, deleted rows flagged."""
    return [
        dg.AssetSpec(
            asset_keys.raw(stream.name),
            deps=[asset_keys.lake(stream.name)],
            description=f"{stream.about}. Current state, one row per key; deleted rows are kept and flagged.",
            group_name="raw",
            kinds={"duckdb", "table"},
            metadata={
                "dagster/column_schema": _schema(raw_table(stream).columns),
                "dagster/table_name": f"raw.{stream.name}",
            },
        )
        for stream in streams.values()
    ]


def model_specs(models: Mapping[str, Model], streams: Mapping[str, Stream]) -> list[dg.AssetSpec]:
    """One asset per SQL model; tables of `meta`, `history` and `seeds` are not assets."""
    known = {f"raw.{name}" for name in streams} | {model.full_name for model in models.values()}
    return [
        dg.AssetSpec(
            asset_keys.model(model),
            deps=list(
                dict.fromkeys(asset_keys.table(name) for name in map(_as_raw, model.depends_on) if name in known)
            ),
            description=_described(model),
            group_name=model.schema,
            kinds={"duckdb", model.materialized},
            metadata=_model_metadata(model),
        )
        for model in models.values()
    ]


def published_spec(models: Mapping[str, Model], streams: Mapping[str, Stream]) -> dg.AssetSpec:
    """The published file; it depends on the tables that are also published as Parquet."""
    marts = [asset_keys.model(model) for model in models.values() if model.schema == "marts"]
    return dg.AssetSpec(
        asset_keys.PUBLISHED,
        deps=[*(asset_keys.raw(name) for name in streams), *marts],
        description="publish/warehouse.duckdb, the file for BI tools and notebooks, with Parquet copies beside it. "
        "Replaced atomically after all blocking checks have passed; a failed run leaves the previous file.",
        group_name="publish",
        kinds={"duckdb", "parquet"},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=TOO_LATE, warn_window=LATE),
    )


def lake_checks(streams: Mapping[str, Stream]) -> list[dg.AssetCheckSpec]:
    """One check per stream on its outcome. It blocks nothing: rows read before are still published."""
    return [
        dg.AssetCheckSpec(
            asset_keys.READ_CHECK,
            asset=asset_keys.lake(name),
            description="The stream was read in full. Fails if it was skipped or failed, or if deletions were held; "
            "the rows read before are kept.",
        )
        for name in streams
    ]


def model_checks(streams: Mapping[str, Stream], models: Mapping[str, Model], sql_dir: Path) -> list[dg.AssetCheckSpec]:
    """For each table one check that blocks publication and, if it has warnings, one that does not."""
    written = read_contracts(sql_dir / "checks").values()
    warning = {str(entry.more.get("of")) for entry in written if entry.more.get("warn")}
    blocking = {str(entry.more.get("of")) for entry in written if not entry.more.get("warn")}
    blocking |= {f"raw.{name}" for name in streams}
    for model in models.values():
        if model.schema == "marts" or model.key or (model.path and model.columns):
            blocking.add(model.full_name)
        for check in model.checks:
            (blocking if check.blocking else warning).add(model.full_name)
    known = {f"raw.{name}" for name in streams} | {model.full_name for model in models.values()}
    return [
        *(_check(asset_keys.CONTRACT_CHECK, name, blocking=True) for name in sorted(blocking & known)),
        *(_check(asset_keys.WARNING_CHECK, name, blocking=False) for name in sorted(warning & known)),
    ]


def published_checks() -> list[dg.AssetCheckSpec]:
    """Checks on the age and state of the data: a successful run may publish streams that were not read for days."""
    within = f"{LATE.total_seconds() / 3600:.0f} hours"
    return [
        dg.AssetCheckSpec(
            asset_keys.FRESH_CHECK,
            asset=asset_keys.PUBLISHED,
            description=f"Every stream was read in full within the last {within}.",
        ),
        dg.AssetCheckSpec(
            asset_keys.COMPLETE_CHECK,
            asset=asset_keys.PUBLISHED,
            description="The last sync of every stream was complete. Fails if a stream was skipped or failed, or if "
            "deletions are held; names these streams with the reason and what to do.",
        ),
    ]


def _check(name: str, table: str, *, blocking: bool) -> dg.AssetCheckSpec:
    effect = "Nothing is published while it fails." if blocking else "A warning; it does not block publication."
    return dg.AssetCheckSpec(
        name,
        asset=asset_keys.table(table),
        blocking=blocking,
        description=f"The contract of {table}. {effect}",
    )


def _as_raw(table: str) -> str:
    """The raw table of a history table: both are loaded in one step."""
    return f"raw.{table.removeprefix('history.')}" if table.startswith("history.") else table


def _described(model: Model) -> str:
    grain = f"\n\nGrain: {model.grain}." if model.grain else ""
    return f"{model.description.strip().rstrip('.')}.{grain}\n\n```sql\n{model.sql.strip()}\n```"


def _model_metadata(model: Model) -> dict[str, object]:
    found: dict[str, object] = {"dagster/table_name": model.full_name}
    if model.columns:
        found["dagster/column_schema"] = _schema(model.columns)
    return found


def _schema(columns: Iterable[TableColumn]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(c.name, c.type, description=c.description) for c in columns])

"""Building the tables and publishing them: two steps on one connection.

The run builds and checks all tables, whatever is selected; only selected ones are recorded in Dagster.

Annotations are not postponed, since dagster evaluates them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.check_results import (
    check_result,
    complete_result,
    fresh_result,
    outcome_sentence,
    streams_table,
)
from instantly_pipeline.orchestration.assets.lineage import lineage_of
from instantly_pipeline.orchestration.assets.run_resource import RESOURCE, WRITER_POOL, step_of_run
from instantly_pipeline.orchestration.assets.specs import (
    model_checks,
    model_specs,
    published_checks,
    published_spec,
    raw_specs,
)
from instantly_pipeline.run.freshness import still_synced
from instantly_pipeline.run.results import Checked, Loaded, ModelsBuilt
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.load.load_stream import LoadResult
from instantly_pipeline.warehouse.models.model import Model
from instantly_pipeline.warehouse.models.runner import ModelResult
from instantly_pipeline.warehouse.publish.publish import PublishResult, refuse_if_failed
from instantly_pipeline.warehouse.published.status import status

Shown = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def warehouse_assets(
    streams: Mapping[str, Stream], models: Mapping[str, Model], sql_dir: Path
) -> list[dg.AssetsDefinition]:
    """The step that builds the tables and the one that publishes them."""

    @dg.multi_asset(
        name="build_tables",
        description="Loads the lake into DuckDB, runs the SQL models, runs the checks.",
        specs=[*raw_specs(streams), *model_specs(models, streams)],
        check_specs=model_checks(streams, models, sql_dir),
        can_subset=True,
        pool=WRITER_POOL,
        required_resource_keys={RESOURCE},
    )
    def build_tables(context: dg.AssetExecutionContext) -> Shown:
        with step_of_run(context) as run:
            if run is None:
                return
            for done in run.build_steps():
                match done:
                    case Loaded(loaded):
                        yield from _raw(context, loaded)
                    case ModelsBuilt(built):
                        lineage = lineage_of(models, streams, kept=run.layout.work / "lineage.json")
                        yield from _models(context, models, built, lineage)
                    case Checked(results):
                        yield from _checks(context, results)

    @dg.multi_asset(
        name="publish",
        description="Replaces the published tables.",
        specs=[published_spec(models, streams)],
        check_specs=published_checks(),
        can_subset=True,
        pool=WRITER_POOL,
        required_resource_keys={RESOURCE},
    )
    def publish(context: dg.AssetExecutionContext) -> Shown:
        with step_of_run(context) as run:
            if run is None:
                return
            published = run.publish()
            size = published.bytes / 1e6
            context.log.info(f"Published {published.path} ({size:,.1f} MB, {len(published.tables)} tables).")
            found = status(published.path).streams
            metadata = _published_metadata(published) | {"streams": streams_table(found)}
            yield dg.MaterializeResult(asset_key=asset_keys.PUBLISHED, metadata=metadata)
            synced = still_synced(found)
            yield fresh_result(synced, now=run.clock.now())
            yield complete_result(synced)

    return [build_tables, publish]


def _raw(context: dg.AssetExecutionContext, loaded: Mapping[str, LoadResult]) -> Shown:
    added, rows = (sum(getattr(one, name) for one in loaded.values()) for name in ("versions_added", "rows"))
    context.log.info(f"Loaded {added:,} new versions from the lake; there are {rows:,} live rows.")
    for name, found in loaded.items():
        if asset_keys.raw(name) in context.selected_asset_keys:
            metadata = {"dagster/row_count": found.rows, "rows_deleted": found.deleted,
                        "versions_added": found.versions_added, "files": found.files}  # fmt: skip
            yield dg.MaterializeResult(asset_key=asset_keys.raw(name), metadata=metadata)


def _models(
    context: dg.AssetExecutionContext,
    models: Mapping[str, Model],
    built: Mapping[str, ModelResult],
    lineage: Mapping[str, dg.TableColumnLineage],
) -> Shown:
    rebuilt = sum(one.rebuilt for one in built.values())
    rest = "; the inputs of the others have not changed" if rebuilt < len(built) else ""
    context.log.info(f"Rebuilt {rebuilt} of {len(built)} models{rest}.")
    for name, result in built.items():
        key = asset_keys.model(models[name])
        if key in context.selected_asset_keys:
            # not in the result: Dagster would write it twice, since it copies that into the step's output
            context.add_asset_metadata(_columns_metadata(models[name], result, lineage.get(name)), asset_key=key)
            rows = {} if result.rows is None else {"dagster/row_count": result.rows}
            yield dg.MaterializeResult(asset_key=key, metadata={"seconds": round(result.seconds, 3), **rows})


def _columns_metadata(model: Model, built: ModelResult, lineage: dg.TableColumnLineage | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {} if lineage is None else {"dagster/column_lineage": lineage}
    if not model.columns:
        metadata["dagster/column_schema"] = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in built.columns])
    return metadata


def _checks(context: dg.AssetExecutionContext, results: Sequence[CheckResult]) -> Shown:
    by_check: dict[dg.AssetCheckKey, list[CheckResult]] = {}
    for result in results:
        name = asset_keys.CONTRACT_CHECK if result.blocking else asset_keys.WARNING_CHECK
        by_check.setdefault(dg.AssetCheckKey(asset_keys.table(result.model), name), []).append(result)
        if not result.passed:
            log = context.log.error if result.blocking else context.log.warning
            log(f"{result.name}: {result.failing_rows:,} rows ({result.description})")
    context.log.info(outcome_sentence(results))
    for key in context.selected_asset_check_keys:
        yield check_result(key, by_check.get(key, []))
    # Dagster would fail the step too, but its error would not name the failed checks and their rows
    refuse_if_failed([one for key in context.selected_asset_check_keys for one in by_check.get(key, [])])


def _published_metadata(published: PublishResult) -> dict[str, Any]:
    return {
        "file": dg.MetadataValue.path(str(published.path)),
        "megabytes": round(published.bytes / 1e6, 1),
        "tables": len(published.tables),
        "storage_version": str(published.published_row.get("storage_version")),
    }

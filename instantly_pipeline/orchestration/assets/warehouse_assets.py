"""Building the tables and publishing them: two steps on one connection.

Whatever is selected, the whole lake is loaded, all models are made and all checks asked: the published file is one
consistent whole, and a build file made anew has every table. The selection decides what Dagster records.

Annotations are evaluated here, since dagster looks at them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.lake.run_ids import new_run_id
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.check_results import (
    check_result,
    complete_result,
    fresh_result,
    outcome_sentence,
    streams_table,
)
from instantly_pipeline.orchestration.assets.lineage import lineage_of
from instantly_pipeline.orchestration.assets.specs import (
    model_checks,
    model_specs,
    published_checks,
    published_spec,
    raw_specs,
)
from instantly_pipeline.orchestration.state import RunState
from instantly_pipeline.orchestration.steps import RESOURCE, WRITER_POOL, may_write, state_of, told
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.models.catalog import Model
from instantly_pipeline.warehouse.models.runner import ModelResult
from instantly_pipeline.warehouse.publish.publish import PublishResult, refuse_if_failed
from instantly_pipeline.warehouse.published.status import status

Made = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def warehouse_assets(
    streams: Mapping[str, Stream], models: Mapping[str, Model], sql_dir: Path
) -> list[dg.AssetsDefinition]:
    """The step that builds the tables and the one that publishes them."""

    @dg.multi_asset(
        name="build_tables",
        description="Loads the lake into DuckDB, makes the SQL models, asks the checks.",
        specs=[*raw_specs(streams), *model_specs(models, streams)],
        check_specs=model_checks(streams, models, sql_dir),
        can_subset=True,
        pool=WRITER_POOL,
        required_resource_keys={RESOURCE},
    )
    def build_tables(context: dg.AssetExecutionContext) -> Made:
        state = state_of(context)
        with told(context, state):
            if not may_write(context, state):
                return
            yield from _raw(context, state, streams)
            yield from _models(context, state, models, streams)
            yield from _checks(context, state)

    @dg.multi_asset(
        name="publish",
        description="Puts the tables in place of the published ones.",
        specs=[published_spec(models, streams)],
        check_specs=published_checks(),
        can_subset=True,
        pool=WRITER_POOL,
        required_resource_keys={RESOURCE},
    )
    def publish(context: dg.AssetExecutionContext) -> Made:
        state = state_of(context)
        with told(context, state):
            if not may_write(context, state):
                return
            published = _publish(context, state)
            found = status(state.layout.published_file).streams
            metadata = _published_metadata(published) | {"streams": streams_table(found)}
            yield dg.MaterializeResult(asset_key=asset_keys.PUBLISHED, metadata=metadata)
            asked_for = state.settings.stream_names()
            judged = [one for one in found if asked_for is None or one.stream in asked_for]
            yield fresh_result(judged, now=state.overrides.clock.now())
            yield complete_result(judged)

    return [build_tables, publish]


def _raw(context: dg.AssetExecutionContext, state: RunState, streams: Mapping[str, Stream]) -> Made:
    with state.step("load"):
        loaded = state.warehouse(context.log.info).load()
    added, rows = (sum(getattr(one, name) for one in loaded.values()) for name in ("versions_added", "rows"))
    context.log.info(f"Loaded {added:,} new versions from the lake; {rows:,} rows are live.")
    for name in streams:
        if asset_keys.raw(name) in context.selected_asset_keys:
            found = loaded[name]
            metadata = {"dagster/row_count": found.rows, "rows_deleted": found.deleted,
                        "versions_added": found.versions_added, "files": found.files}  # fmt: skip
            yield dg.MaterializeResult(asset_key=asset_keys.raw(name), metadata=metadata)


def _models(
    context: dg.AssetExecutionContext, state: RunState, models: Mapping[str, Model], streams: Mapping[str, Stream]
) -> Made:
    begun: list[str] = []

    def on_model(name: str) -> None:
        begun.append(name)
        state.show("progress", "models", text=name, done=len(begun), total=len(models))

    with state.step("models"):
        made = state.warehouse(context.log.info).run_models(on_model=on_model)
    anew = sum(one.made for one in made.values())
    rest = "; the others read nothing that has changed" if anew < len(made) else ""
    context.log.info(f"Made {anew} of {len(made)} models{rest}.")
    lineage = lineage_of(models, streams, kept=state.layout.work / "lineage.json")
    for name, result in made.items():
        key = asset_keys.model(models[name])
        if key in context.selected_asset_keys:
            # in the result it would be written twice, since Dagster copies that into the step's output too
            context.add_asset_metadata(_columns_metadata(models[name], result, lineage.get(name)), asset_key=key)
            yield dg.MaterializeResult(asset_key=key, metadata=_made_metadata(result))


def _made_metadata(made: ModelResult) -> dict[str, Any]:
    rows = {} if made.rows is None else {"dagster/row_count": made.rows}
    return {"seconds": round(made.seconds, 3), **rows}


def _columns_metadata(model: Model, made: ModelResult, lineage: dg.TableColumnLineage | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {} if lineage is None else {"dagster/column_lineage": lineage}
    if not model.columns:
        metadata["dagster/column_schema"] = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in made.columns])
    return metadata


def _checks(context: dg.AssetExecutionContext, state: RunState) -> Made:
    with state.step("checks"):
        if state.results.sync is not None:  # compared with the counters of this run, no older ones
            this_run, clock = state.results.sync.run_id, state.overrides.clock
            compared = state.warehouse(context.log.info).reconcile(run_id=this_run, now=clock.now())
            append_log(state.layout, this_run, "reconciliation", compared, now=clock.now)
        accepted = state.results.sync.accepted if state.results.sync is not None else ()
        results = state.warehouse(context.log.info).run_checks(accepted=accepted)
    state.results.checks = results
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
    # Dagster would end the step too, naming the check alone; this says which promise was broken and by how many rows
    refuse_if_failed([one for key in context.selected_asset_check_keys for one in by_check.get(key, [])])


def _publish(context: dg.AssetExecutionContext, state: RunState) -> PublishResult:
    clock = state.overrides.clock
    now = clock.now()
    this_run = state.results.sync.run_id if state.results.sync else new_run_id(state.layout, now)
    with state.step("publish"):
        published = state.warehouse(context.log.info).publish(run_id=this_run, now=now)
        append_log(state.layout, this_run, "published", [published.published_row], now=clock.now)
    state.results.published = published
    size = published.bytes / 1e6
    context.log.info(f"Published {published.path} ({size:,.1f} MB, {len(published.tables)} tables).")
    return published


def _published_metadata(published: PublishResult) -> dict[str, Any]:
    return {
        "file": dg.MetadataValue.path(str(published.path)),
        "megabytes": round(published.bytes / 1e6, 1),
        "tables": len(published.tables),
        "storage_version": str(published.published_row.get("storage_version")),
    }

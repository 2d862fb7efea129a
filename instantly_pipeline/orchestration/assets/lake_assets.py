"""Reading the API into the lake: one step, one asset per stream.

The step never fails for one stream: how a stream ended is its check, and its materialization says the same. A stream
that was skipped or failed is materialized all the same, with its old rows, since what follows must be built. The step
fails only where nothing at all could be read.

Annotations are evaluated here, since dagster finds the step's config by them.
"""

import asyncio
from collections.abc import Iterator, Mapping

import dagster as dg
from pydantic import Field

from instantly_pipeline.errors import Fatal
from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.specs import lake_checks, lake_specs
from instantly_pipeline.orchestration.assets.stream_results import (
    FINE,
    incomplete,
    read_check,
    read_metadata,
    read_sentence,
)
from instantly_pipeline.orchestration.state import RunState
from instantly_pipeline.orchestration.steps import API_POOL, RESOURCE, may_write, state_of, told
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.engine import World
from instantly_pipeline.sync.results import Event, Request, SyncReport
from instantly_pipeline.visible import visible

STEP = "read_api"


class SyncConfig(dg.Config):
    """What a sync may be told. The streams are the assets that are selected."""

    full: bool = Field(default=False, description="Read everything again, moved or not; as `sync --full`.")
    accept_deletes: bool = Field(
        default=False, description="Let held deletions of the selected streams through, after asking the API once more."
    )
    workspaces: list[str] = Field(default=[], description="Only these workspaces, by name; empty means all.")


class NothingRead(Fatal):
    """No workspace could be read; what was published before stays."""


def lake_assets(streams: Mapping[str, Stream]) -> dg.AssetsDefinition:
    """The step that reads the API."""

    @dg.multi_asset(
        name=STEP,
        description="Reads the chosen streams of all workspaces from Instantly's API into the lake.",
        specs=lake_specs(streams),
        check_specs=lake_checks(streams),
        can_subset=True,
        pool=API_POOL,
        required_resource_keys={RESOURCE},
    )
    def read_api(
        context: dg.AssetExecutionContext, config: SyncConfig
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        state = state_of(context)
        with told(context, state):
            if not may_write(context, state):
                return
            selected = [name for name in streams if asset_keys.lake(name) in context.selected_asset_keys]
            chosen = None if len(selected) == len(streams) else tuple(selected)
            request = Request(chosen, tuple(config.workspaces) or None, config.full, config.accept_deletes)
            report = asyncio.run(_read(context, state, request))
            state.results.sync = report
            _refuse_if_nothing(report)
            context.log.info(read_sentence(report))
            if lacking := incomplete(report):
                context.instance.add_run_tags(context.run.run_id, {asset_keys.INCOMPLETE_TAG: lacking})
            for name in selected:
                yield dg.MaterializeResult(asset_key=asset_keys.lake(name), metadata=read_metadata(report, name))
                if dg.AssetCheckKey(asset_keys.lake(name), asset_keys.READ_CHECK) in context.selected_asset_check_keys:
                    yield read_check(report, name)

    return read_api


async def _read(context: dg.AssetExecutionContext, state: RunState, request: Request) -> SyncReport:
    def on_event(event: Event) -> None:
        where = f"{event.workspace}, {event.stream}" if event.stream else event.workspace
        if event.kind == "end":
            reason = f": {event.text}" if event.text else ""
            log = context.log.info if event.outcome in FINE else context.log.warning
            log(visible(f"{where}: {event.outcome}, {event.rows:,} rows read{reason}"))
        elif event.kind == "say":
            context.log.info(visible(f"{where}: {event.text}"))
        state.overrides.on_event(event)

    world = World(clock=state.overrides.clock)
    return await state.overrides.sync(state.settings, request, on_event=on_event, world=world)


def _refuse_if_nothing(report: SyncReport) -> None:
    if report.exit_code == 1:
        why = "\n".join(visible(f"{workspace.name}: {workspace.reason}") for workspace in report.workspaces)
        raise NothingRead(f"Nothing could be read, so nothing was published; the last published file stays.\n{why}")

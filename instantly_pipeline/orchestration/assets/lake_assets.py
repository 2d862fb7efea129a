"""Reading the API into the lake: one step, one asset per stream.

The step does not fail because of one stream: the outcome of a stream is in its check and its materialization. A stream
that was skipped or failed is materialized too, with its old rows, so that the tables are still built. The step fails
only if nothing could be read.

Annotations are not postponed, since dagster finds the step's config by them.
"""

from collections.abc import Iterator, Mapping

import dagster as dg
from pydantic import Field

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.orchestration.assets.run_resource import API_POOL, RESOURCE, step_of_run
from instantly_pipeline.orchestration.assets.specs import lake_checks, lake_specs
from instantly_pipeline.orchestration.assets.stream_results import (
    incomplete_tag,
    read_check,
    read_metadata,
    read_sentence,
)
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.results import Request

STEP = "read_api"


class SyncConfig(dg.Config):
    """The options of a sync. The streams are the selected assets; if all are, those of INSTANTLY_STREAMS."""

    full: bool = Field(default=False, description="Read everything again, changed or not; as `sync --full`.")
    accept_deletes: bool = Field(
        default=False, description="Apply held deletions of the selected streams, after asking the API once more."
    )
    streams: list[str] = Field(default=[], description="These streams or groups, whatever is selected; as `--streams`.")
    workspaces: list[str] = Field(default=[], description="Only these workspaces, by name; empty means all.")


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
        with step_of_run(context) as run:
            if run is None:
                return
            selected = [name for name in streams if asset_keys.lake(name) in context.selected_asset_keys]
            chosen = tuple(config.streams) or (None if len(selected) == len(streams) else tuple(selected))
            report = run.read(Request(chosen, tuple(config.workspaces) or None, config.full, config.accept_deletes))
            context.log.info(read_sentence(report))
            if incomplete := incomplete_tag(report):
                context.instance.add_run_tags(context.run.run_id, {asset_keys.INCOMPLETE_TAG: incomplete})
            for name in selected:
                yield dg.MaterializeResult(asset_key=asset_keys.lake(name), metadata=read_metadata(report, name))
                if dg.AssetCheckKey(asset_keys.lake(name), asset_keys.READ_CHECK) in context.selected_asset_check_keys:
                    yield read_check(report, name)

    return read_api

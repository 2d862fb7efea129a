"""The job that merges the small files of past days. Annotations are not postponed, since dagster evaluates them."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from instantly_pipeline.lake.compact import compact
from instantly_pipeline.run.rebuild import locked_lake
from instantly_pipeline.settings import Settings


def compaction(settings: Callable[[], Settings]) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job `compact` and its weekly schedule, stopped by default."""

    @dg.op(name="compact_lake", description="Merges the files of past days; no data changes. Waits for a running sync.")
    def compact_lake(context: dg.OpExecutionContext) -> None:
        with locked_lake(settings(), command="compact", wait=True, say=context.log.info) as layout:
            done = compact(layout, now=datetime.now(UTC))
        context.log.info(f"{done.joined} files of {done.days} days merged, {done.removed} merged earlier removed.")
        context.add_output_metadata({"days": done.days, "files_merged": done.joined, "files_removed": done.removed})

    @dg.job(
        name="compact",
        description="Merge the small files of past days. The same as `instantly-pipeline compact`.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        compact_lake()

    schedule = dg.ScheduleDefinition(
        name="weekly_compaction",
        job=job,
        cron_schedule="17 4 * * 0",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Every Sunday at 04:17 UTC, like `instantly-pipeline compact`. Waits for a running sync.",
    )
    return job, schedule

"""The job that joins the small files of past days. Annotations are evaluated here, since dagster looks at them."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from instantly_pipeline.lake.compact import compact
from instantly_pipeline.run.rebuild import locked_lake
from instantly_pipeline.settings import Settings


def compaction(settings: Callable[[], Settings]) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job `compact` and its weekly schedule, stopped until somebody starts it."""

    @dg.op(name="compact_lake", description="Joins the files of past days; no answer changes. It waits for a sync.")
    def compact_lake(context: dg.OpExecutionContext) -> None:
        with locked_lake(settings(), command="compact", wait=True, say=context.log.info) as layout:
            done = compact(layout, now=datetime.now(UTC))
        context.log.info(f"{done.joined} files of {done.days} days joined, {done.removed} joined earlier removed.")
        context.add_output_metadata({"days": done.days, "files_joined": done.joined, "files_removed": done.removed})

    @dg.job(
        name="compact",
        description="Join the small files of past days. The same as `instantly-pipeline compact`.",
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
        description="Every Sunday at 04:17 UTC, as `instantly-pipeline compact`. It waits for a sync to end.",
    )
    return job, schedule

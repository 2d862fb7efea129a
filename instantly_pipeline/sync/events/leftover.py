"""What the workspaces of a run have left in the inbox: events of workspaces that it did not reach, or does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from shlex import quote

from instantly_pipeline.errors import UnreadableFile
from instantly_pipeline.lake.change_log import Appended, ChangeLog, RunFiles, WriterClock, last_written
from instantly_pipeline.lake.inbox import ASIDE, unreadable
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import LogWriter
from instantly_pipeline.lake.names import NO_WORKSPACE, folder_name
from instantly_pipeline.lake.records.normalize import Batch
from instantly_pipeline.streams.catalog.webhook_events import EVENTS
from instantly_pipeline.sync.events.intake import segments_of, take_in
from instantly_pipeline.sync.events.waiting import waiting
from instantly_pipeline.sync.quarantine import Quarantine
from instantly_pipeline.sync.results import StreamResult


def take_in_rest(layout: Layout, run_id: str, now: Callable[[], datetime], say: Callable[[str], None]) -> int:
    """Take in the events of workspaces that the lake has, without their keys or the API; returns how many were new.

    Those of a workspace whose events in the lake are damaged stay in the inbox; `say` gets the sentence about it.
    """
    taken = 0
    for workspace_id in layout.workspaces():
        if segments_of(layout, workspace_id):
            try:
                taken += _take_in(layout, workspace_id, run_id, now)
            except UnreadableFile as error:
                say(f"Received events stay in the inbox: {error}")
    return taken


def _take_in(layout: Layout, workspace_id: str, run_id: str, now: Callable[[], datetime]) -> int:
    files = RunFiles(layout, workspace_id, run_id)
    clock = WriterClock(now, after=last_written(layout, workspace_id))
    logs, log = LogWriter(files, clock), ChangeLog(files, EVENTS, clock)
    quarantine = Quarantine(logs, now, EVENTS, StreamResult(workspace_id, "", EVENTS.name, now()))

    def note(batch: Batch) -> None:
        quarantine.note(batch)
        logs.flush()

    try:
        done: Appended = take_in(layout, workspace_id, log, note)
    finally:
        log.close()
    return done.inserted + done.updated


def notices(layout: Layout, aside: Mapping[str, int]) -> list[str]:
    """Sentences about what was put `aside`, by reason, what cannot be read, and the events of each workspace that the
    lake does not have."""
    where = layout.inbox / ASIDE
    found = [f"{count:,} received bodies were put aside in {where}: {why}." for why, count in aside.items()]
    if hidden := unreadable(layout):
        others = f" and {len(hidden) - 1:,} others" if len(hidden) > 1 else ""
        found.append(
            f"{hidden[0]}{others} cannot be read by this user, so received events stay there. Run `webhooks serve` as "
            f"the user who syncs, and give that user the files: `sudo chown -R $(id -un) {quote(str(layout.inbox))}`."
        )
    if hidden == [layout.inbox]:
        return found
    return found + [
        f"{one.events:,} received events wait in {one.folder}, the first since {one.since:%Y-%m-%d %H:%M} UTC: "
        + (
            "they do not say of which workspace they are, and there are several or none"
            if one.folder.name == folder_name(NO_WORKSPACE)
            else "nothing of their workspace was synced yet. They are taken in when it is"
        )
        + f". `instantly-pipeline webhooks drop --workspace {one.name}` drops them."
        for one in waiting(layout, save=True)
    ]

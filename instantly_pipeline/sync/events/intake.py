"""Takes received events out of the inbox and into the lake. Asks the API for nothing.

Two steps, each of which can be repeated after a kill, since equal events are one record:

1. `sort_inbox` moves what was received into a folder per workspace, `inbox/by-workspace/ws=<id>/`: a payload names its
   workspace. What names none is in `ws=_all`, what is not an event goes to `inbox/aside`.
2. `take_in` appends the events of one workspace to the lake, and then removes their segments. A workspace of which the
   lake has nothing yet may be anybody's: its events wait until it is synced (`waiting`).
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from instantly_pipeline.jsontext import loads
from instantly_pipeline.lake.change_log import Appended, ChangeLog
from instantly_pipeline.lake.durable import storing
from instantly_pipeline.lake.inbox import (
    InboxWriter,
    Received,
    aside_writer,
    closed_segments,
    has_overdue,
    read_segment,
    remove_segment,
)
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.names import NO_WORKSPACE, folder_name
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.lake.records.normalize import Batch, Rejected
from instantly_pipeline.sync.events.records import event_of, workspace_in

BY_WORKSPACE = "by-workspace"
DAMAGED = "a damaged line of the inbox"
PATIENCE = 20  # tenths of a second; receivers look twice a second
BYTES_AT_ONCE = 16_000_000  # of segments that become one file of the lake: two full ones, about 6,000 replies


def sort_inbox(
    layout: Layout,
    *,
    aside: Counter[str] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Move what was received into the folders of its workspaces. Returns whether there was anything.

    `aside` counts by its reason what was put aside, which is no event.

    Once closed segments are taken, receivers close those that they went on with meanwhile: these are waited for, but
    not for a receiver that does not answer.
    """
    aside = Counter() if aside is None else aside
    found = _sort_closed(layout, aside)
    for _ in range(PATIENCE):
        if not has_overdue(layout, now=now()):
            break
        sleep(0.1)
        found |= _sort_closed(layout, aside)
    return found


def _sort_closed(layout: Layout, aside: Counter[str]) -> bool:
    segments = closed_segments(layout)
    known = layout.workspaces() if segments else []
    for path in segments:
        aside.update(one.reason or "" for one in _sort(layout, path, known))
        remove_segment(path)
    return bool(segments)


def take_in(layout: Layout, workspace_id: str, log: ChangeLog, note: Callable[[Batch], None]) -> Appended:
    """Append the sorted events of a workspace to its log, batch by batch; a segment is removed once it is durable.

    `note` gets each batch that was written, to log what is odd in it. The caller holds the data directory's lock.
    """
    done = Appended()
    for paths, events, damaged in _batches(segments_of(layout, workspace_id)):
        batch = log.normalize(_new(log, events))
        done += log.append(batch)
        done.unchanged += len(events) - len(batch.keys) - len(batch.rejected)
        batch.rejected += (Rejected(line.decode(errors="replace"), DAMAGED) for line in damaged)
        note(batch)
        for path in paths:
            remove_segment(path)
    return done


def segments_of(layout: Layout, workspace_id: str) -> list[Path]:
    """The sorted segments of a workspace; if it is the lake's only one, those of events that name none, too."""
    found = closed_segments(layout, _folder(workspace_id))
    if layout.workspaces() == [workspace_id]:
        found += closed_segments(layout, _folder(NO_WORKSPACE))
    return found


def _folder(workspace_id: str) -> str:
    return f"{BY_WORKSPACE}/{folder_name(workspace_id)}"


def _sort(layout: Layout, path: Path, known: Sequence[str]) -> list[Received]:
    """Sort one segment; returns what of it was put aside."""
    by_folder: dict[str, list[Received]] = defaultdict(list)
    odd: list[Received] = []
    with storing(path):
        for received in read_segment(path, on_damaged=lambda line: odd.append(_damaged(line))):
            payload = _payload(received.body)
            if payload is None:
                odd.append(replace(received, reason="not a JSON object"))
            else:
                by_folder[_folder(workspace_in(payload, known) or NO_WORKSPACE)].append(received)
    for folder, events in by_folder.items():
        with closing(InboxWriter(layout, folder, goes_on=True)) as writer:
            writer.append(events)
    if odd:
        with closing(aside_writer(layout)) as writer:
            writer.append(odd)
    return odd


def _damaged(line: bytes) -> Received:
    return Received(datetime.now(UTC), line, DAMAGED)


def _payload(body: bytes) -> Record | None:
    try:
        found = loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _batches(segments: Sequence[Path]) -> Iterator[tuple[list[Path], list[Record], list[bytes]]]:
    """The events of some segments at a time, each event once, as first received; and lines that are damaged."""
    paths, events, damaged, size = list[Path](), dict[str, Record](), list[bytes](), 0
    for path in segments:
        with storing(path):
            size += path.stat().st_size
            for event in map(_event, read_segment(path, on_damaged=damaged.append)):
                events.setdefault(event["event_id"], event)
        paths.append(path)
        if size >= BYTES_AT_ONCE:
            yield paths, list(events.values()), damaged
            paths, events, damaged, size = [], {}, [], 0
    if paths:
        yield paths, list(events.values()), damaged


def _event(received: Received) -> Record:
    at = received.received_at.isoformat()
    return event_of(_payload(received.body) or {}, otherwise=at) | {"received_at": at}


def _new(log: ChangeLog, events: Sequence[Record]) -> list[Record]:
    """The events that are not in the lake, or were only pulled: those get the time they were received now."""
    bare = log.normalize([{name: value for name, value in one.items() if name != "received_at"} for one in events])
    is_alive, is_only_pulled = log.index.compare(bare.keys, bare.hashes)
    known = {key for key, one, pulled in zip(bare.keys, is_alive, is_only_pulled, strict=True) if one and not pulled}
    return [event for key, event in zip(log.keys(events), events, strict=True) if key not in known]

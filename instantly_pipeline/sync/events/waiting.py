"""Received events that no workspace of the lake takes: how many wait since when, and dropping them.

A sync counts each event once: `counted.json` beside the segments says how far.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

import orjson

from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.lake.inbox import closed_segments, read_segment, remove_segment
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.names import folder_name
from instantly_pipeline.sync.events.intake import BY_WORKSPACE

_COUNTED = "counted.json"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events of one workspace: how many, where, and since when the first of them waits."""

    folder: Path
    events: int
    since: datetime

    @property
    def name(self) -> str:
        """What `webhooks drop --workspace` takes: the folder's name, which is the id where that is a UUID."""
        return self.folder.name.removeprefix("ws=")


@dataclass(slots=True)
class _Counted:
    """What was counted: the size of each segment then, its events together and the first one's instant."""

    sizes: dict[str, int] = field(default_factory=dict)
    events: int = 0
    since: str = ""

    @classmethod
    def read(cls, folder: Path, there: set[str]) -> Self:
        """What was counted of the segments that are there; nothing where that cannot be told."""
        try:
            found = cls(**orjson.loads((folder / _COUNTED).read_bytes()))
            if found.sizes.keys() <= there and isinstance(found.events, int):
                datetime.fromisoformat(found.since)
                return found
        except (OSError, ValueError, TypeError, AttributeError):
            pass
        return cls()

    def add(self, path: Path) -> bool:
        """Count what is new in a segment; whether anything is."""
        size, before = path.stat().st_size, self.sizes.get(path.name, 0)
        if size == before:
            return False
        for received in read_segment(path, after=before):
            self.events += 1
            at = received.received_at.isoformat()
            self.since = min(self.since or at, at)
        self.sizes[path.name] = size
        return True


def waiting(layout: Layout, *, save: bool = False) -> list[Waiting]:
    """What is sorted and not taken in. `save`: note what was counted; the caller holds the data directory's lock."""
    return [one for folder in _folders(layout) if (one := _count(layout, folder, save=save)) is not None]


def drop(layout: Layout, one: Waiting) -> None:
    """Remove the events of one workspace. The caller holds the data directory's lock."""
    for path in _segments(layout, one.folder):
        remove_segment(path)
    with storing(one.folder):
        (one.folder / _COUNTED).unlink(missing_ok=True)


def find(found: list[Waiting], workspace: str) -> Waiting | None:
    """Those of a workspace, by its id or as `Waiting.name` has it."""
    return next((one for one in found if one.folder.name in (f"ws={workspace}", folder_name(workspace))), None)


def _folders(layout: Layout) -> list[Path]:
    return sorted((layout.inbox / BY_WORKSPACE).glob("ws=*"))


def _segments(layout: Layout, folder: Path) -> list[Path]:
    return closed_segments(layout, f"{BY_WORKSPACE}/{folder.name}")


def _count(layout: Layout, folder: Path, *, save: bool) -> Waiting | None:
    segments = _segments(layout, folder)
    with storing(folder):
        counted = _Counted.read(folder, {path.name for path in segments})
        is_new = [counted.add(path) for path in segments]
    if save and any(is_new):
        write_durably(folder / _COUNTED, orjson.dumps(asdict(counted)))
    if save and not segments:
        with storing(folder):
            (folder / _COUNTED).unlink(missing_ok=True)
    return Waiting(folder, counted.events, datetime.fromisoformat(counted.since)) if counted.events else None

"""Resetting a stream: its checkpoints and index are deleted, rows and history stay.

The next sync reads the stream from its beginning (daily figures from the start date, every step, every lifetime
figure). Unchanged records get no new version.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.layout import Layout


def reset(layout: Layout, streams: Iterable[str], workspaces: Iterable[str] | None = None) -> int:
    """Delete the checkpoints and the index of `streams`; the number of workspaces that had any.

    The caller holds the data directory's lock.
    """
    reset_in: set[str] = set()
    for workspace_id in layout.workspaces() if workspaces is None else workspaces:
        checkpoints = Checkpoints(layout, workspace_id)
        for stream in streams:
            names = [name for name in checkpoints.names(stream) if name == stream or name.startswith(f"{stream}.")]
            names = [name for name in names if name != f"{stream}.held"]  # open decisions, not a position
            for name in names:
                checkpoints.forget(name)
            index = layout.index(stream, workspace_id)
            if names or index.exists():
                reset_in.add(workspace_id)
            shutil.rmtree(index, ignore_errors=True)
    return len(reset_in)

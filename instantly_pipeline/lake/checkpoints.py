"""Checkpoints: small JSON files beside the data. A caller moves one only after the file it covers is in the log."""

from __future__ import annotations

from typing import Any

import orjson

from instantly_pipeline.lake.durable import write_durably
from instantly_pipeline.lake.layout import Layout


class Checkpoints:
    """The checkpoints of one workspace."""

    def __init__(self, layout: Layout, workspace_id: str) -> None:
        self._layout = layout
        self._workspace_id = workspace_id

    def read(self, name: str) -> dict[str, Any]:
        """The checkpoint called `name`; empty where there is none or it cannot be read (it is then rebuilt)."""
        try:
            found = orjson.loads(self._layout.state(self._workspace_id, name).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Replace the checkpoint called `name`."""
        write_durably(self._layout.state(self._workspace_id, name), orjson.dumps(value))

    def names(self, prefix: str) -> list[str]:
        """The names, sorted, of the checkpoints that begin with `prefix`."""
        folder = self._layout.state(self._workspace_id, prefix).parent
        return sorted(path.stem for path in folder.glob(f"{prefix}*.json"))

    def forget(self, name: str) -> None:
        """Remove the checkpoint called `name`, if it is there."""
        self._layout.state(self._workspace_id, name).unlink(missing_ok=True)

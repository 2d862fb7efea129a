"""Files that hold what the code says of itself (help, schema, definitions, documents): a change shows in the diff.

`make snapshots` writes them all.
"""

from __future__ import annotations

import os
from pathlib import Path


def assert_snapshot(found: str, snapshot: Path) -> None:
    """That the file holds this text. `make snapshots` sets WRITE_SNAPSHOTS: then it is written first."""
    if os.environ.get("WRITE_SNAPSHOTS"):
        snapshot.write_text(found, encoding="utf-8")
    held = snapshot.read_text(encoding="utf-8")
    assert found == held, f"{snapshot.name} is not current. If the change is meant, `make snapshots` writes it."

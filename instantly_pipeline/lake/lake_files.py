"""The Parquet files of the lake: what a path says, and what a compacted file says about those it replaces.

pyarrow is imported where a file is read: paths alone are needed by the webhook receiver, which starts without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from instantly_pipeline.errors import UnreadableFile

RUN_FILE = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{6}-\d{6,}z*\Z")
REPLACES = b"replaces"
PARTS = b"parts"  # the same files once more, each as (name, bytes, time of change in ns)


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One Parquet file of the lake, with what its path says."""

    path: Path
    table: str
    workspace_id: str

    @property
    def name(self) -> str:
        """The path below `lake/`, with forward slashes: what identifies the file in any data directory."""
        return "/".join(self.path.parts[-5:])

    @property
    def short(self) -> str:
        """Day and name: what identifies the file within its table and workspace."""
        return "/".join(self.path.parts[-2:])

    @property
    def is_ours(self) -> bool:
        """Whether a run or a compaction gave it its name; any other was put there by hand."""
        return bool(RUN_FILE.match(self.path.stem))


def current_files(day: Path) -> list[Path]:
    """The Parquet files of one day's folder, sorted, without those that a compacted one (`...z.parquet`) replaces."""
    files = sorted(path for path in day.glob("*.parquet") if not path.name.startswith("."))  # `._x`: metadata of macOS
    compacted = [path for path in files if path.stem.endswith("z")]
    if not compacted or len(files) == 1:
        return files
    replaced = {name for path in compacted for name in replaced_names(path)}
    return [path for path in files if path.name not in replaced]


def replaced_names(path: Path) -> list[str]:
    """The names of the files whose rows a compacted file holds; none for any other file.

    UnreadableFile where the file cannot be read.
    """
    found: list[str] = _noted(path, REPLACES)
    return found


def replaced_files(path: Path) -> dict[str, tuple[int, int]]:
    """The files whose rows a compacted file holds, as they were when it was written: bytes and time of change in ns.

    Empty for any other file, and for one that an older version compacted. UnreadableFile where it cannot be read.
    """
    return {name: (size, modified) for name, size, modified in _noted(path, PARTS)}


def _noted(path: Path, key: bytes) -> Any:
    """What a compacted file notes under `key`; an empty list for any other file."""
    import pyarrow.parquet as pq

    with reading(path):
        metadata = pq.read_metadata(path).metadata or {}
        return orjson.loads(metadata.get(key, b"[]"))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a file of the lake is read into UnreadableFile."""
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        area, table = path.parts[-5:-3]
        reset = "." if area == "meta" else (
            f" and run `instantly-pipeline reset --streams {table}`; the next sync reads its records again."
        )  # fmt: skip
        raise UnreadableFile(
            f"{path} cannot be read; it may be damaged. Put it back from a backup, or move it away{reset}"
        ) from error

"""Reading the lake without a lock, while a sync may run: nothing in the data directory changes.

The index is a cache that is updated while it is read. So a reader gets a copy: a temporary folder that starts with
links to the index's files. Where a sync removes one of those meanwhile, the copy is rebuilt from the log.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from instantly_pipeline.lake.durable import storing
from instantly_pipeline.lake.layout import Layout


class _ReadOnlyLayout(Layout):
    """A layout whose index and work folder are temporary."""

    def __init__(self, data_dir: Path, temporary: Path) -> None:
        super().__init__(data_dir)
        self._temporary = temporary
        self.work = temporary / "work"

    def index(self, stream: str, workspace_id: str) -> Path:
        """The copy of the index's folder, made when it is first asked for."""
        real = super().index(stream, workspace_id)
        copy = self._temporary / real.relative_to(self.lake)
        if not copy.exists():
            with storing(copy):
                copy.mkdir(parents=True)
                for file in real.glob("*.rows"):
                    (copy / file.name).symlink_to(file.absolute())
                with suppress(FileNotFoundError):
                    shutil.copy(real / "manifest.json", copy)
        return copy


@contextmanager
def open_read_only(data_dir: Path) -> Iterator[Layout]:
    """The layout of a data directory for reading only, which need not exist."""
    with tempfile.TemporaryDirectory(prefix="instantly-pipeline-", ignore_cleanup_errors=True) as temporary:
        yield _ReadOnlyLayout(data_dir, Path(temporary))

"""The lake as one reads it who must not write: no lock is needed, and nothing in the data directory changes.

The index is a cache that is put in order while it is read. So it is read beside: in a folder of its own, which begins
with links to the index's files and goes when it is no longer needed. Where a sync removes one of those meanwhile, the
index heals itself from the log, there too.
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
    """A layout whose index and work folder lie elsewhere."""

    def __init__(self, data_dir: Path, elsewhere: Path) -> None:
        super().__init__(data_dir)
        self._elsewhere = elsewhere
        self.work = elsewhere / "work"

    def index(self, stream: str, workspace_id: str) -> Path:
        """The folder of the index beside; made from the real one when it is first asked for."""
        real = super().index(stream, workspace_id)
        beside = self._elsewhere / real.relative_to(self.lake)
        if not beside.exists():
            with storing(beside):
                beside.mkdir(parents=True)
                for run in real.glob("*.parquet"):
                    (beside / run.name).symlink_to(run.absolute())
                with suppress(FileNotFoundError):
                    shutil.copy(real / "manifest.json", beside)
        return beside


@contextmanager
def open_read_only(data_dir: Path) -> Iterator[Layout]:
    """The layout of a data directory for reading only, which need not exist."""
    with tempfile.TemporaryDirectory(prefix="instantly-pipeline-", ignore_cleanup_errors=True) as elsewhere:
        yield _ReadOnlyLayout(data_dir, Path(elsewhere))

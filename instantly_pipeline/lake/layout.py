"""Where things lie in a data directory: paths, and which files are there. docs/lake-format.md describes each file.

<data dir>/lake/FORMAT, ORIGIN                                             format version; API of this data
<data dir>/lake/changes/<stream>/ws=<id>/synced=<UTC date>/<run>-<n>.parquet   versions of records
<data dir>/lake/meta/<log>/ws=<id>/synced=<UTC date>/<run>-<n>.parquet     logs of runs
<data dir>/lake/index/<stream>/ws=<id>/                                    a cache: last version of every key
<data dir>/lake/state/ws=<id>/<name>.json                                  checkpoints
<data dir>/lake/state/published.json                                       the files of the last publication
<data dir>/lake/names/ws=<...>~<hash>                                      ids too long for a folder's name
<data dir>/inbox/                                                          received events that are not in the lake yet
<data dir>/work/                                                           the build file; may be deleted
<data dir>/publish/                                                        what readers open
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.lake.lake_files import LakeFile, current_files
from instantly_pipeline.lake.names import NO_WORKSPACE, folder_name, is_shortened, owner_of


class Layout:
    """Paths of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir
        self.lake = data_dir / "lake"
        self.format_file = self.lake / "FORMAT"
        self.origin_file = self.lake / "ORIGIN"
        self.changes = self.lake / "changes"
        self.meta = self.lake / "meta"
        self.names = self.lake / "names"
        self.inbox = data_dir / "inbox"
        self.work = data_dir / "work"
        self.publish = data_dir / "publish"
        self.build_file = self.work / "build.duckdb"
        self.published_file = self.publish / "warehouse.duckdb"
        self.published_list = self.lake / "state" / "published.json"

    def partition(self, root: Path, table: str, workspace_id: str) -> Path:
        """The folder of one table and workspace below `changes`, `meta` or `index`."""
        return root / table / folder_name(workspace_id)

    def index(self, stream: str, workspace_id: str) -> Path:
        """The folder of the index of one stream and workspace."""
        return self.partition(self.lake / "index", stream, workspace_id)

    def state(self, workspace_id: str, name: str) -> Path:
        """The checkpoint called `name` of one workspace."""
        return self.lake / "state" / folder_name(workspace_id) / f"{name}.json"

    def files(self, root: Path, table: str, workspace_id: str | None = None) -> list[LakeFile]:
        """The Parquet files of a table, sorted by workspace, day and name; UnreadableFile for a damaged one."""
        with storing(root / table):
            return sorted(self._scan(root / table, table, workspace_id), key=lambda f: f.name)

    def _scan(self, folder: Path, table: str, workspace_id: str | None) -> Iterator[LakeFile]:
        found = folder.glob("ws=*") if workspace_id is None else [folder / folder_name(workspace_id)]
        for partition in found:
            owner = owner_of(partition.name, self.names) if workspace_id is None else workspace_id
            for day in partition.glob("synced=*"):
                yield from (LakeFile(path, table, owner) for path in current_files(day))

    def workspaces(self) -> list[str]:
        """The ids of all workspaces the lake holds anything of."""
        found = {path.name for path in self.changes.glob("*/ws=*")} | {path.name for path in self.meta.glob("*/ws=*")}
        return sorted({owner_of(name, self.names) for name in found} - {NO_WORKSPACE})

    def note_name(self, workspace_id: str) -> None:
        """Keep a workspace's id in a file where its folders' name does not hold it; before the first of them exists."""
        noted = self.names / folder_name(workspace_id)
        if is_shortened(noted.name) and not noted.exists():
            write_durably(noted, workspace_id.encode())

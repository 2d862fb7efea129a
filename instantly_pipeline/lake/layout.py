"""Where things lie in a data directory, and the format version at the lake's root.

    <data dir>/lake/FORMAT                                                     the format version
    <data dir>/lake/ORIGIN                                                     the API this data was read from
    <data dir>/lake/changes/<stream>/ws=<id>/synced=<UTC date>/<run>-<n>.parquet   versions of records
    <data dir>/lake/meta/<log>/ws=<id>/synced=<UTC date>/<run>-<n>.parquet     runs, stream status, quarantine, ...
    <data dir>/lake/index/<stream>/ws=<id>/                                    a cache: last version of every key
    <data dir>/lake/state/ws=<id>/<name>.json                                  checkpoints
    <data dir>/lake/state/published.json                                       the files the last publication made
    <data dir>/lake/names/ws=<...>~<hash>                                      ids too long for a folder's name
    <data dir>/work/                                                           the build file; may be deleted
    <data dir>/publish/                                                        what readers open

A file is written beside its final place under a name no reader's glob matches, fsynced and renamed.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from instantly_pipeline.errors import StorageError, UnreadableFile, UsageError
from instantly_pipeline.lake.files import create, everything, make_folder
from instantly_pipeline.lake.names import NO_WORKSPACE, folder_name, id_in, is_shortened, owner_of

FORMAT_VERSION = 1
_STAMP = "%Y%m%dT%H%M%S%f"
_RUN_FILE = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{6}-\d{6,}z*\Z")
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
        """Whether the name is one that a run or a compaction gives; anything else was put there by hand."""
        return bool(_RUN_FILE.match(self.path.stem))


class Layout:
    """Paths of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir
        self.lake = data_dir / "lake"
        self.changes = self.lake / "changes"
        self.meta = self.lake / "meta"
        self.names = self.lake / "names"
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
        """Note a workspace's id where its folders' name does not tell it; before the first of them is made."""
        noted = self.names / folder_name(workspace_id)
        if is_shortened(noted.name) and not noted.exists():
            write_durably(noted, workspace_id.encode())


def current_files(day: Path) -> list[Path]:
    """The Parquet files of one day's folder, sorted, without those that a compacted one (`...z.parquet`) replaces."""
    files = sorted(path for path in day.glob("*.parquet") if not path.name.startswith("."))  # `._x`: a Mac's notes
    compacted = [path for path in files if path.stem.endswith("z")]
    if not compacted or len(files) == 1:
        return files
    replaced = {name for path in compacted for name in replaces(path)}
    return [path for path in files if path.name not in replaced]


def replaces(path: Path) -> list[str]:
    """The names of the files whose rows a compacted file holds; none for any other file.

    UnreadableFile where the file cannot be read.
    """
    with reading(path):
        metadata = pq.read_metadata(path).metadata or {}
        found: list[str] = orjson.loads(metadata.get(REPLACES, b"[]"))
        return found


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a file of the lake is read into UnreadableFile."""
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


def parts(path: Path) -> dict[str, tuple[int, int]]:
    """The files whose rows a compacted file holds, as they were when it was written: bytes and time of change in ns.

    Empty for any other file, and for one compacted before this was noted. UnreadableFile where it cannot be read.
    """
    with reading(path):
        metadata = pq.read_metadata(path).metadata or {}
        return {name: (size, modified) for name, size, modified in orjson.loads(metadata.get(PARTS, b"[]"))}


def new_run_id(layout: Layout, now: datetime) -> str:
    """A new run's id, e.g. `20260305T231000557Z-9f3a1c`; it sorts behind those of all runs the lake knows.

    Readers of the log rely on that order, so a clock that stands still or went back is helped on.
    """
    stamp = now.astimezone(UTC).replace(tzinfo=None)
    last = _last_stamp(layout)
    if last is not None and stamp <= last:
        stamp = last + timedelta(milliseconds=1)
    return f"{stamp.strftime(_STAMP)[:-3]}Z-{secrets.token_hex(3)}"


def _last_stamp(layout: Layout) -> datetime | None:
    """The instant in the id of the last run that wrote anything, to the millisecond, rounded up."""
    stems = []
    for partition in (*layout.changes.glob("*/ws=*"), *layout.meta.glob("*/ws=*")):
        days = sorted(partition.glob("synced=*"))
        stems += [path.stem for path in days[-1].glob("*.parquet")] if days else []
    stamps = [stem.partition("Z-")[0] for stem in stems if _RUN_FILE.match(stem)]
    try:
        return datetime.strptime(max(stamps), _STAMP) + timedelta(milliseconds=1) if stamps else None  # noqa: DTZ007
    except ValueError:  # looks like an instant and is none
        return None


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` by `content` so that a kill leaves either the old or the new file, never a part."""
    with landing(path) as handle:
        handle.write(content)


@contextmanager
def landing(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` to write to; at the end it is fsynced and takes the place of `path`.

    StorageError where the disk does not take it; `path` is then as it was, and nothing lies beside it.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        make_folder(path.parent)
        with create(beside) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        beside.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # a name that cannot be made cannot be removed either
            beside.unlink(missing_ok=True)
        raise storage_error(path, error) from error


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses at `path` into StorageError."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def storage_error(path: Path, error: OSError) -> StorageError:
    """The sentence for a failed write."""
    if error.errno == 28:
        return StorageError(
            f"The disk that holds {path.parent} is full. What was synced so far is safe; "
            "free some space and run the same command again."
        )
    where = str(path) if len(str(path)) <= 300 else f"{str(path)[:300]}..."
    return StorageError(
        f"{where} cannot be written: {error.strerror or error}. Check the folder's rights and the disk, "
        "or set INSTANTLY_DATA_DIR to another folder."
    )


def open_lake(layout: Layout, *, origin: str | None = None) -> None:
    """Make sure this is a lake we can write to: format version, and the API's origin it belongs to.

    A new data directory takes the current format and `origin`; an existing one refuses another of either. What a killed
    writer left half-written is removed: the caller holds the data directory's lock.
    """
    _check_format(layout)
    with storing(layout.lake):
        _rename_folders(layout)
        for found in everything(layout.lake):
            if found.name.endswith(".tmp") and not found.is_dir():
                Path(found).unlink()
    if origin is not None:
        _check_origin(layout, origin)


def _rename_folders(layout: Layout) -> None:
    """Give the folders of workspaces today's names: earlier versions kept capitals and some signs as they are."""
    folders = [path for area in (layout.changes, layout.meta, layout.lake / "index") for path in area.glob("*/ws=*")]
    for folder in (*folders, *(layout.lake / "state").glob("ws=*")):
        wanted = folder_name(id_in(folder.name))
        if folder.name != wanted and not (layout.names / folder.name).exists():
            layout.note_name(id_in(folder.name))
            folder.rename(folder.with_name(wanted))


def check_lake(layout: Layout, *, origin: str) -> str:
    """What `open_lake` checks, without writing anything: the origin the lake's data was read from, if it has any."""
    if (layout.lake / "FORMAT").exists():
        _check_format(layout)
    named = layout.lake / "ORIGIN"
    found = _text(named) if named.exists() else ""
    if (found and "\ufffd" not in found) or any(layout.changes.glob("*/ws=*")):
        _check_origin(layout, origin)  # it writes only where there is neither a name nor data
    return found


def _check_format(layout: Layout) -> None:
    path = layout.lake / "FORMAT"
    if not path.exists():
        write_durably(path, f"{FORMAT_VERSION}\n".encode())
        return
    found = _text(path)
    if found != str(FORMAT_VERSION):
        raise StorageError(
            f"{layout.lake} is in format {found!r}; this version reads and writes format {FORMAT_VERSION}. "
            "Use the version of instantly-pipeline that wrote it, or another INSTANTLY_DATA_DIR."
        )


def _check_origin(layout: Layout, origin: str) -> None:
    path = layout.lake / "ORIGIN"
    found = _text(path) if path.exists() else ""
    if not found or "\ufffd" in found:
        if any(layout.changes.glob("*/ws=*")):
            raise UsageError(
                f"{layout.root} holds data, and {path} does not say from which API. Write its address into that file, "
                f"one line such as {origin}, or set INSTANTLY_DATA_DIR to another folder. Nothing was changed."
            )
        write_durably(path, f"{origin}\n".encode())
        return
    if _kind(found) != _kind(origin):
        raise UsageError(
            f"{layout.root} holds data read from {found}, and INSTANTLY_BASE_URL is {origin}. "
            "Mixing them would take one's records for the other's. Set INSTANTLY_DATA_DIR to another folder, "
            f"or, if the API has moved, put the new address into {path}."
        )


def _text(path: Path) -> str:
    with storing(path):
        return path.read_text("utf-8", errors="replace").strip()


def _kind(origin: str) -> str:
    """Loopback servers are one origin whatever their port: a local sandbox gets a new port at each start."""
    host = origin.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
    return "loopback" if host in {"localhost", "127.0.0.1", "[::1]"} else origin.removesuffix(":443")

"""What a data directory is: its format version, and the API's origin that it was read from."""

from __future__ import annotations

from pathlib import Path

from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.names import folder_name, id_in
from instantly_pipeline.lake.permissions import walk

FORMAT_VERSION = 1


def open_lake(layout: Layout, *, origin: str | None = None) -> None:
    """Make sure this is a lake that this version can write to: its format, and the API's origin it belongs to.

    A new data directory takes the current format and `origin`; an existing one refuses another of either. What a killed
    writer left half-written is removed: the caller holds the data directory's lock.
    """
    _refuse_other_format(layout)
    if not layout.format_file.exists():
        write_durably(layout.format_file, f"{FORMAT_VERSION}\n".encode())
    with storing(layout.lake):
        _rename_folders(layout)
        for found in walk(layout.lake):
            if found.name.endswith(".tmp") and not found.is_dir():
                Path(found).unlink()
    if origin is not None:
        _refuse_other_origin(layout, origin)
        if not _origin(layout):
            write_durably(layout.origin_file, f"{origin}\n".encode())


def check_lake(layout: Layout, *, origin: str) -> str:
    """What `open_lake` refuses, without writing anything: the origin the lake's data was read from, if it has any."""
    _refuse_other_format(layout)
    _refuse_other_origin(layout, origin)
    return _origin(layout)


def _refuse_other_format(layout: Layout) -> None:
    path = layout.format_file
    found = _text(path) if path.exists() else str(FORMAT_VERSION)
    if found != str(FORMAT_VERSION):
        raise StorageError(
            f"{layout.lake} is in format {found!r}; this version reads and writes format {FORMAT_VERSION}. "
            "Use the version of instantly-pipeline that wrote it, or another INSTANTLY_DATA_DIR."
        )


def _refuse_other_origin(layout: Layout, origin: str) -> None:
    found, path = _origin(layout), layout.origin_file
    if not found and any(layout.changes.glob("*/ws=*")):
        raise UsageError(
            f"{layout.root} holds data, and {path} does not say from which API. Write its address into that file, "
            f"one line such as {origin}, or set INSTANTLY_DATA_DIR to another folder. Nothing was changed."
        )
    if found and server_of(found) != server_of(origin):
        raise UsageError(
            f"{layout.root} holds data read from {found}, and INSTANTLY_BASE_URL is {origin}. "
            "Mixing them would take one's records for the other's. Set INSTANTLY_DATA_DIR to another folder, "
            f"or, if the API has moved, put the new address into {path}."
        )


def _rename_folders(layout: Layout) -> None:
    """Give the folders of workspaces today's names: earlier versions kept capitals and some signs as they are."""
    folders = [path for area in (layout.changes, layout.meta, layout.lake / "index") for path in area.glob("*/ws=*")]
    for folder in (*folders, *(layout.lake / "state").glob("ws=*")):
        wanted = folder_name(id_in(folder.name))
        if folder.name != wanted and not (layout.names / folder.name).exists():
            layout.note_name(id_in(folder.name))
            folder.rename(folder.with_name(wanted))


def _origin(layout: Layout) -> str:
    """The origin as it was written; empty where there is none, or it is no text."""
    path = layout.origin_file
    found = _text(path) if path.exists() else ""
    return "" if "\ufffd" in found else found


def _text(path: Path) -> str:
    with storing(path):
        return path.read_text("utf-8", errors="replace").strip()


def server_of(origin: str) -> str:
    """Loopback servers are one origin whatever their port: a local sandbox gets a new port at each start."""
    host = origin.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
    return "loopback" if host in {"localhost", "127.0.0.1", "[::1]"} else origin.removesuffix(":443")

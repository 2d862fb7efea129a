"""Writing so that a kill or a power cut leaves either the old file or the new one, never a part of it.

A file is written beside its final place under a name no reader's glob matches, fsynced and renamed.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.permissions import make_folder

_BESIDE = re.compile(r"\..+\.[0-9a-f]{8}\.tmp\Z")


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` by `content`."""
    with replacing(path) as handle:
        handle.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` to write to; at the end it is fsynced and renamed to `path`.

    StorageError where the disk refuses it; `path` is then as it was, and nothing is left beside it.
    """
    beside = name_beside(path)
    try:
        make_folder(path.parent)
        with create(beside) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        beside.replace(path)
        fsync(path.parent)
    except OSError as error:
        with suppress(OSError):  # a name that the disk does not take cannot be removed either
            beside.unlink(missing_ok=True)
        raise storage_error(path, error) from error


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses at `path` into StorageError."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def name_beside(path: Path) -> Path:
    """A name for what is written first and then renamed to `path`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def is_left_beside(path: Path) -> bool:
    """Whether a file has a name as `name_beside` makes them: a kill came before it was renamed."""
    return _BESIDE.match(path.name) is not None


def fsync(path: Path) -> None:
    """Make the content of a file, or the renames in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
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


def create(path: Path) -> BinaryIO:
    """A new file, its user's alone, to write to. FileExistsError where there is anything of that name, a link too."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

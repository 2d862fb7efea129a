"""Who may read what the pipeline writes, and that nothing is written or removed through a link.

There are leads in it, so files are 0600 in folders of 0700, whatever the user's umask is; only `publish/` is for others
too, as far as INSTANTLY_PUBLISH_MODE says. Some files are made by DuckDB, pyarrow and SQLite, which take no mode: that
is why the process's umask is narrowed while a data directory is locked (`lock.writing`), and nowhere else.

A link inside the data directory could lead writes and removals anywhere. The data directory itself may be one: its user
chose it.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from instantly_pipeline.errors import StorageError

Found = Path | os.DirEntry[str]

_NOT_THE_USER = 0o077
_changing = threading.Lock()
_masks: list[int] = []  # those that were set before, the user's own first


@contextmanager
def private_umask() -> Iterator[None]:
    """Only its user can read what is created meanwhile, by whichever library. The umask is the whole process's."""
    with _changing:
        _masks.append(os.umask(_NOT_THE_USER))
    try:
        yield
    finally:
        with _changing:
            mask = _masks.pop()
            if not _masks:
                os.umask(mask)


@contextmanager
def user_umask() -> Iterator[None]:
    """What is created meanwhile has the user's own umask: for files that the user named."""
    with _changing:
        before = os.umask(_masks[0]) if _masks else None
    try:
        yield
    finally:
        if before is not None:
            os.umask(before)


def within_user_umask(mode: int) -> int:
    """The rights `mode` without those that the user's own umask withholds."""
    with user_umask(), _changing:
        mask = os.umask(_NOT_THE_USER)
        os.umask(mask)
    return mode & ~mask


def make_folder(folder: Path) -> None:
    """Make a private folder and those above it that are missing. OSError."""
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        set_mode(folder, 0o777, 0o700)  # a umask may withhold even these
    folder.mkdir(exist_ok=True)  # where there is a file of that name, this says so


def append_to(path: Path) -> TextIOWrapper:
    """A private file to append to. OSError, and StorageError where it or its folder is a link."""
    refuse_links(path.parent)
    make_folder(path.parent)
    detach_hard_link(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8")


def refuse_links(*places: Path) -> None:
    """StorageError where one of these is a link, dangling or not."""
    for place in places:
        if place.is_symlink():
            raise StorageError(
                f"{place} is a link to {place.readlink()}. Nothing is written or removed through a link, so nothing "
                "was changed. Put the folder or file itself there, mount the other disk at that place, or let the "
                "setting (INSTANTLY_DATA_DIR, DAGSTER_HOME) name a folder on that disk."
            )


def walk(folder: Path) -> Iterator[Found]:
    """The folder and all that is in it, at any depth; links are not followed. Nothing where it is not there."""
    if os.path.lexists(folder):
        yield folder
        yield from _below(str(folder))


def _below(folder: str) -> Iterator[Found]:
    with suppress(OSError), os.scandir(folder) as entries:  # what we may not list, we did not make
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path)


def keep_private(*folders: Path) -> None:
    """Leave rights on everything in these folders to its owner alone. StorageError where there is a link in them.

    What belongs to another user stays as it is, and `doctor` names it.
    """
    for folder in folders:
        for found in walk(folder):
            if found.is_symlink():
                refuse_links(Path(found))
            if is_wider(found):
                set_mode(found, ~_NOT_THE_USER)


def set_mode(found: Found, most: int, least: int = 0) -> None:
    """Take the rights that are not in `most` from a file or folder, and give it those in `least`.

    Nothing happens where another user owns it, or the disk has no rights.
    """
    with suppress(OSError):
        mode = stat.S_IMODE(found.stat(follow_symlinks=False).st_mode)
        wanted = mode & (most | ~0o777) | least  # the bit that hands down a folder's group stays
        if wanted != mode:
            Path(found).chmod(wanted)


def is_wider(found: Found, than: int = 0) -> bool:
    """Whether others than its user may do more with a file or folder than `than` says; never of a link."""
    try:
        mode = found.stat(follow_symlinks=False).st_mode
    except OSError:
        return False
    return not stat.S_ISLNK(mode) and bool(mode & _NOT_THE_USER & ~than)


def detach_hard_link(path: Path) -> None:
    """Remove a file that is written in place where it has a second name; StorageError where it is a symbolic link.

    The other name of a hard link, such as one in a copy made by `cp -al`, keeps the content.
    """
    refuse_links(path)
    with suppress(FileNotFoundError):
        if path.lstat().st_nlink > 1:
            path.unlink()

"""One writer per data directory: an OS lock that the kernel frees when its process dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from instantly_pipeline.errors import LockedError
from instantly_pipeline.lake.durable import storage_error, storing, write_durably
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.permissions import keep_private, make_folder, private_umask, refuse_links

_POLL = 0.5


@contextmanager
def writing(
    data_dir: Path, *, command: str, wait: bool = False, say: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Hold the data directory for writing. Re-entrant within one process and thread.

    LockedError says who holds it and since when; with `wait` this waits instead, after one line to `say`.
    StorageError where the folder cannot be made or written to, or where a folder or file that the pipeline writes there
    is a link. What is created while it is held only its user can read; rights of older files are narrowed to that.
    """
    with storing(data_dir):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        make_folder(data_dir)
    refuse_links(data_dir / ".lock")
    with private_umask(), _held(data_dir, command=command, wait=wait, say=say):
        yield


@contextmanager
def _held(data_dir: Path, *, command: str, wait: bool, say: Callable[[str], None]) -> Iterator[None]:
    lock = FileLock(data_dir / ".lock", mode=0o600, is_singleton=True, thread_local=False)
    if not _taken(lock, timeout=0):
        if not wait:
            raise LockedError(f"{_holder(data_dir)} Wait for it to end, or add --wait.")
        say(f"{_holder(data_dir)} Waiting for it to end.")
        while not _taken(lock, timeout=_POLL):
            pass
    try:
        with storing(data_dir):
            _refuse_links_and_narrow_rights(Layout(data_dir))
        _note_holder(data_dir, command)
        yield
    finally:
        lock.release()


def _refuse_links_and_narrow_rights(layout: Layout) -> None:
    """Nothing that is written there is a link, and only its user reads what is not published."""
    refuse_links(layout.publish, layout.publish / "current", layout.publish / "marts", layout.published_file)
    keep_private(layout.lake, layout.work, layout.root / ".lock", layout.root / ".lock.json")


def held_by(data_dir: Path) -> str | None:
    """A sentence about who writes the data directory now; None where nobody does. Writes nothing."""
    try:
        with (data_dir / ".lock").open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(data_dir)
    except OSError:
        return None  # never locked yet
    return None


def _taken(lock: FileLock, *, timeout: float) -> bool:
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        return False
    except OSError as error:
        raise storage_error(Path(lock.lock_file), error) from error
    return True


def _note_holder(data_dir: Path, command: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    note = {"command": command, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    write_durably(data_dir / ".lock.json", json.dumps(note).encode())


def _holder(data_dir: Path) -> str:
    try:
        note = json.loads((data_dir / ".lock.json").read_text())
        who = f"`{note['command']}` (process {note['pid']} on {note['host']}), since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another command"
    return f"{data_dir} is being written by {who}."

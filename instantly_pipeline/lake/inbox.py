"""The inbox: events that were received and are not in the lake yet, in a journal of segments.

<data dir>/inbox/<UTC instant>-<6 hex>.jsonl          events for the next sync to take in
<data dir>/inbox/aside/<UTC instant>-<6 hex>.jsonl    what was received and is no event; the oldest is dropped

A segment is written by one process, which holds an OS lock on it until it is closed; the kernel frees that when the
process dies. So a segment whose lock is free is never written again, whatever became of its writer, and any number of
writers share a folder. It gets its name when it is locked and holds its first events, so none is seen before.

A line is one event: `{"received_at": "...", "body": "..."}`. The body is text that keeps each byte, or `body_base64`
where it is not UTF-8 or has control characters (JSON has none); what is kept aside has a `reason` too. A line that a
kill or power cut left unfinished is no event: its sender was not told that it is stored.

Who takes segments in reads `closed_segments`, and removes a segment once its events are in the lake. A kill between the
two means that they are read again; equal events are one record.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from instantly_pipeline.lake.durable import create, fsync, is_left_beside, name_beside, storage_error, storing
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.permissions import make_folder, refuse_links

MAX_AGE = 2.0  # seconds until a segment with events is closed, if the one before was taken
MAX_BYTES = 8_000_000  # of a segment, before its last batch: about 3,000 replies; what is taken in at once
ASIDE = "aside"
ASIDE_BYTES = 64_000_000  # on the disk, of all that is kept aside: enough to see what came, small beside any lake
ASIDE_AGE = 60.0  # seconds: nobody waits for it, and there are fewer files
_STAMP = "%Y%m%dT%H%M%S%f"  # of the instant in a segment's name
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))  # they would take six times their size in a line
_ABANDONED = 60.0  # seconds after which a file without its name yet is not about to get it


@dataclass(frozen=True, slots=True)
class Received:
    """A request's body, byte for byte, and when it came (UTC). `reason`: why it is no event, where it is aside."""

    received_at: datetime
    body: bytes
    reason: str | None = None


class InboxWriter:
    """Appends to the segments of the inbox, or of the folder `name` in it. For one thread at a time.

    A segment is closed when it has `max_bytes`, or is `max_age` seconds old and the last one that this writer closed
    was taken: so there are few and large ones where nobody takes them. `close_if_due` does it between appends.
    With `keep_bytes` the oldest segments are removed where the folder takes more; `dropped` counts their events.
    With `goes_on` it begins by going on with the last segment, for a folder with one writer at a time and no reader
    meanwhile.
    """

    def __init__(
        self,
        layout: Layout,
        name: str = "",
        *,
        max_age: float = MAX_AGE,
        max_bytes: int = MAX_BYTES,
        keep_bytes: int | None = None,
        goes_on: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self._layout = layout
        self._folder = layout.inbox / name
        self._max_age = max_age
        self._max_bytes = max_bytes
        self._keep_bytes = keep_bytes
        self._goes_on = goes_on
        self._monotonic = monotonic
        self._open: _Segment | None = None
        self._closed: Path | None = None  # the last one that this writer closed
        self._is_prepared = False

    def append(self, events: Sequence[Received]) -> None:
        """Append events; they are durable when this returns.

        StorageError where the disk refuses them: none of them counts as received, and the next append tries again.
        """
        content = b"".join(_line(event) for event in events)
        try:
            if self._open is None:
                self._prepare_folder()
                self._open = self._last() if self._goes_on else None
            if self._open is None:
                self._open = _Segment.begin(self._folder, content, self._monotonic())
            else:
                self._open.append(content)
        except OSError as error:
            self.close()  # what is in it stays; the next append begins another
            raise storage_error(self._folder / "segment", error) from error
        if self._open.size >= self._max_bytes:
            self.close()

    def close_if_due(self) -> float | None:
        """Close the open segment if its time has come; else the seconds until the next look. None: none is open."""
        if self._open is None:
            return None
        left = self._open.since + self._max_age - self._monotonic()
        if left > 0:
            return left
        if self._closed is not None and os.path.lexists(self._closed):
            return self._max_age / 4
        self.close()
        return None

    def close(self) -> None:
        """Close the open segment, so that it can be taken in at once."""
        if self._open is not None:
            self._open.close()
            self._closed, self._open = self._open.path, None

    def probe(self) -> None:
        """Write, fsync and remove a small file; StorageError where the disk refuses that."""
        path = name_beside(self._folder / "probe")
        with storing(path):
            try:
                self._make_folder()
                with create(path) as handle:
                    handle.write(b"x" * 4096)
                    handle.flush()
                    os.fsync(handle.fileno())
            finally:
                path.unlink(missing_ok=True)

    def _prepare_folder(self) -> None:
        self._make_folder()
        if not self._is_prepared:
            _remove_abandoned(self._folder)
            self._is_prepared = True
        if self._keep_bytes is not None:
            self._drop_oldest(self._keep_bytes - self._max_bytes)

    def _last(self) -> _Segment | None:
        """The last segment, to go on with; None where it is full, or there is none."""
        self._goes_on = False
        found = _named(self._folder)
        if not found or not _is_closed(found[-1]) or found[-1].stat().st_size >= self._max_bytes:
            return None
        return _Segment.go_on(found[-1], self._monotonic())

    def _make_folder(self) -> None:
        below = self._folder.relative_to(self._layout.root).parents
        refuse_links(self._folder, *(self._layout.root / part for part in below if part.parts))
        if not self._folder.is_dir():
            make_folder(self._folder)
            for part in below:
                fsync(self._layout.root / part)
            fsync(self._layout.root.parent)

    def _drop_oldest(self, keep: int) -> None:
        closed = [(path, size) for path in _closed(self._folder) if (size := _size_on_disk(path)) is not None]
        excess = sum(size for _, size in closed) - keep
        for path, size in closed:
            if excess <= 0:
                return
            with suppress(FileNotFoundError):  # another writer drops them, too
                events = sum(1 for _ in read_segment(path))
                path.unlink()
                self.dropped += events
            excess -= size


class _Segment:
    """An open segment: `size` in bytes, `since` when it was begun."""

    def __init__(self, path: Path, handle: int, since: float) -> None:
        self.path = path
        self.size = 0
        self.since = since
        self._handle = handle

    @classmethod
    def begin(cls, folder: Path, content: bytes, since: float) -> _Segment:
        """A new segment with its first events. OSError; it is then not there."""
        stamp = datetime.now(UTC).strftime(_STAMP)
        path = folder / f"{stamp}Z-{secrets.token_hex(3)}.jsonl"
        beside = name_beside(path)
        segment = cls(path, os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), since)
        try:
            fcntl.flock(segment._handle, fcntl.LOCK_EX)
            segment.append(content)
            beside.rename(path)
            fsync(folder)
        except BaseException:
            segment.close()
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        return segment

    @classmethod
    def go_on(cls, path: Path, since: float) -> _Segment:
        """A closed segment, to be appended to; without a line at its end that is unfinished. OSError."""
        segment = cls(path, os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW), since)
        try:
            fcntl.flock(segment._handle, fcntl.LOCK_EX)
            segment.size = path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(segment._handle, segment.size)
        except BaseException:
            segment.close()
            raise
        return segment

    def append(self, content: bytes) -> None:
        """Append and fsync. OSError; the file is then as it was, as far as the disk lets it."""
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._handle, self.size)
            raise
        self.size += len(content)

    def close(self) -> None:
        """Free its lock."""
        with suppress(OSError):
            os.close(self._handle)


def aside_writer(layout: Layout) -> InboxWriter:
    """A writer of what is no event, bounded on the disk."""
    return InboxWriter(layout, ASIDE, max_age=ASIDE_AGE, keep_bytes=ASIDE_BYTES)


def closed_segments(layout: Layout, name: str = "") -> list[Path]:
    """The segments that nobody writes any more, oldest first, of the inbox or of the folder `name` in it.

    StorageError where the folder cannot be read.
    """
    with storing(layout.inbox / name):
        return _closed(layout.inbox / name)


def first_closed_segment(layout: Layout) -> Path | None:
    """The oldest segment that nobody writes any more; looks at no more of them than it has to. StorageError."""
    with storing(layout.inbox):
        return next(_all_closed(layout.inbox), None)


def has_overdue(layout: Layout, *, now: datetime) -> bool:
    """Whether a segment of the inbox goes on although it has its age: its writer closes it once it has looked again."""
    latest = (now - timedelta(seconds=MAX_AGE)).strftime(_STAMP)
    with storing(layout.inbox):
        return any(path.name[: len(latest)] < latest and not _is_closed(path) for path in _named(layout.inbox))


def aside_segments(layout: Layout) -> list[Path]:
    """The same of what is kept aside."""
    return closed_segments(layout, ASIDE)


def read_segment(
    path: Path, *, after: int = 0, on_damaged: Callable[[bytes], None] = lambda _: None
) -> Iterator[Received]:
    """The events of a segment in their order, those `after` so many bytes; OSError where it cannot be read.

    `on_damaged` gets each line before its end that is no event: its sender may have been told that it is stored.
    """
    with path.open("rb") as lines:
        lines.seek(after)
        for line in lines:
            if (event := _parse(line)) is not None:
                yield event
            elif line.endswith(b"\n"):
                on_damaged(line.removesuffix(b"\n"))


def unreadable(layout: Layout) -> list[Path]:
    """What of the inbox this user may not read, and so does not see: the folder itself, or segments in it."""
    try:
        with suppress(FileNotFoundError), os.scandir(layout.inbox):
            pass
    except PermissionError:
        return [layout.inbox]
    return [path for path in _named(layout.inbox) if not _may_read(path)]


def _may_read(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
    except PermissionError:
        return False
    except OSError:
        return True  # gone, or a link
    return True


def remove_segment(path: Path) -> None:
    """Remove a segment whose events are in the lake."""
    with storing(path):
        path.unlink(missing_ok=True)


def _line(event: Received) -> bytes:
    known = {"reason": event.reason} if event.reason is not None else {}
    at = event.received_at.astimezone(UTC).isoformat(timespec="microseconds")
    return orjson.dumps({"received_at": at, **known, **_as_text(event.body)}, option=orjson.OPT_APPEND_NEWLINE)


def _as_text(body: bytes) -> dict[str, str]:
    if len(body.translate(None, _CONTROLS)) == len(body):
        with suppress(UnicodeDecodeError):
            return {"body": body.decode("utf-8")}
    return {"body_base64": b64encode(body).decode("ascii")}


def _parse(line: bytes) -> Received | None:
    """The event of a line; None where it is unfinished."""
    try:
        found = orjson.loads(line)
        text = found.get("body")
        body = b64decode(found["body_base64"]) if text is None else text.encode("utf-8")
        return Received(datetime.fromisoformat(found["received_at"]), body, found.get("reason"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _size_on_disk(path: Path) -> int | None:
    """None where it was removed meanwhile."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return None


def _closed(folder: Path) -> list[Path]:
    return list(_all_closed(folder))


def _all_closed(folder: Path) -> Iterator[Path]:
    return filter(_is_closed, _named(folder))


def _named(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.jsonl"))


def _is_closed(path: Path) -> bool:
    """Whether nobody holds its lock; not where it is a link, or was removed meanwhile."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _remove_abandoned(folder: Path) -> None:
    """Remove what a killed writer left without its name: no sender was told that anything of it is stored."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if is_left_beside(path) and time.time() - path.stat().st_mtime > _ABANDONED and _is_closed(path):
                path.unlink(missing_ok=True)

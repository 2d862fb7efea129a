"""The inbox: what was appended is there after any kill, once, byte for byte, and nobody takes what is being written."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.inbox import (
    ASIDE,
    MAX_AGE,
    InboxWriter,
    Received,
    aside_segments,
    closed_segments,
    first_closed_segment,
    has_overdue,
    read_segment,
    remove_segment,
)
from instantly_pipeline.lake.layout import Layout

AT = datetime(2026, 8, 19, 9, 0, 2, 123456, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


class Watch:
    """A clock that stands still unless told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def event(number: int, body: bytes = b"{}") -> Received:
    return Received(AT.replace(microsecond=number), body)


def taken(layout: Layout) -> list[Received]:
    return [event for path in closed_segments(layout) for event in read_segment(path)]


@pytest.mark.medium
@given(bodies=st.lists(st.one_of(st.binary(), st.text().map(str.encode)), max_size=5))
def test_a_body_is_read_back_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]) -> None:
    layout = Layout(tmp_path_factory.mktemp("inbox") / "data")
    writer = InboxWriter(layout)
    for number, body in enumerate(bodies):
        writer.append([event(number, body)])
    writer.close()
    assert taken(layout) == [event(number, body) for number, body in enumerate(bodies)]


def test_lines_within_a_body_do_not_split_it(layout: Layout) -> None:
    writer = InboxWriter(layout)
    writer.append([event(1, b'{\r\n "a":\n 1}\n'), event(2, b"\xef\xbb\xbf{}")])
    writer.close()
    assert [each.body for each in taken(layout)] == [b'{\r\n "a":\n 1}\n', b"\xef\xbb\xbf{}"]


def test_a_segment_is_not_taken_while_it_is_written(layout: Layout) -> None:
    writer = InboxWriter(layout)
    writer.append([event(1)])
    assert closed_segments(layout) == []
    writer.close()
    assert taken(layout) == [event(1)]


def test_a_segment_is_closed_when_it_is_old(layout: Layout) -> None:
    watch = Watch()
    writer = InboxWriter(layout, monotonic=watch)
    assert writer.close_if_due() is None
    writer.append([event(1)])
    watch.now = MAX_AGE / 2
    assert writer.close_if_due() == MAX_AGE / 2
    assert closed_segments(layout) == []
    watch.now = MAX_AGE
    assert writer.close_if_due() is None
    assert taken(layout) == [event(1)]


def test_a_segment_is_closed_when_it_is_large(layout: Layout) -> None:
    writer = InboxWriter(layout, max_bytes=1000)
    writer.append([event(1, b"x" * 500)])
    assert closed_segments(layout) == []
    writer.append([event(2, b"x" * 500)])
    writer.append([event(3)])
    assert [each.received_at.microsecond for each in taken(layout)] == [1, 2]


def test_while_nobody_takes_segments_few_and_large_ones_are_made(layout: Layout) -> None:
    watch = Watch()
    writer = InboxWriter(layout, max_bytes=100_000, monotonic=watch)
    for second in range(1000):
        watch.now = float(second)
        writer.append([event(second, b"x" * 1000)])
        writer.close_if_due()
    assert len(list(layout.inbox.iterdir())) == 12  # the first one after 2 s, then by size
    writer.close()
    assert len(taken(layout)) == 1000


def test_a_segment_that_goes_on_is_closed_soon_after_the_one_before_is_taken(layout: Layout) -> None:
    watch = Watch()
    writer = InboxWriter(layout, monotonic=watch)
    for second in (0, MAX_AGE):
        watch.now = second
        writer.append([event(int(second))])
        writer.close_if_due()
    writer.append([event(3)])
    watch.now = 100.0
    assert writer.close_if_due() == MAX_AGE / 4
    (first,) = closed_segments(layout)
    remove_segment(first)
    watch.now += MAX_AGE / 4
    assert writer.close_if_due() is None
    assert taken(layout) == [event(3)]


def test_two_writers_share_a_folder(layout: Layout) -> None:
    one, other = InboxWriter(layout), InboxWriter(layout)
    one.append([event(1)])
    other.append([event(2)])
    one.close()
    assert taken(layout) == [event(1)]
    other.append([event(3)])
    other.close()
    assert sorted(each.received_at for each in taken(layout)) == [event(n).received_at for n in (1, 2, 3)]


def test_what_a_killed_writer_appended_can_be_taken(layout: Layout) -> None:
    program = (
        "import sys, time; from datetime import datetime, UTC; from pathlib import Path\n"
        "from instantly_pipeline.lake.inbox import InboxWriter, Received\n"
        "from instantly_pipeline.lake.layout import Layout\n"
        "InboxWriter(Layout(Path(sys.argv[1])), max_age=1e9).append([Received(datetime.now(UTC), b'{}')])\n"
        "print('appended', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(layout.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "appended\n"
        assert closed_segments(layout) == []
        writer.send_signal(signal.SIGKILL)
    assert [each.body for each in taken(layout)] == [b"{}"]


@pytest.mark.parametrize("rest", [b"", b"\0" * 100, b"\xff", b'{"received_at":"x","body":""}', b"[]", b'"'])
def test_an_unfinished_line_is_no_event_wherever_it_ends(layout: Layout, rest: bytes) -> None:
    writer = InboxWriter(layout)
    writer.append([event(1), event(2, b'{"a":"\xc3\xa9"}')])
    writer.close()
    (path,) = closed_segments(layout)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole) - 1):
        path.write_bytes(whole[:length] + rest)
        assert list(read_segment(path)) == [event(1)]


def test_a_damaged_line_hides_none_behind_it(layout: Layout) -> None:
    writer = InboxWriter(layout)
    writer.append([event(1), event(2), event(3)])
    writer.close()
    (path,) = closed_segments(layout)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\0" * 50 + b"\n" + lines[2])
    assert list(read_segment(path)) == [event(1), event(3)]


@contextmanager
def full_disk(bytes_left: int) -> Iterator[None]:
    """No file grows beyond `bytes_left`: the kernel refuses it as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("open_before", [True, False])
def test_what_the_disk_refused_is_not_there_and_what_comes_later_is(layout: Layout, open_before: bool) -> None:
    writer = InboxWriter(layout)
    if open_before:
        writer.append([event(1)])
    with full_disk(300), pytest.raises(StorageError):
        writer.append([event(2), event(3, b"x" * 1000)])
    writer.append([event(4)])
    writer.close()
    assert taken(layout) == [*([event(1)] if open_before else []), event(4)]
    assert list(layout.inbox.glob(".*")) == []


def test_a_probe_says_whether_the_disk_takes_anything(layout: Layout) -> None:
    writer = InboxWriter(layout)
    writer.probe()
    with full_disk(10), pytest.raises(StorageError):
        writer.probe()
    writer.probe()
    assert list(layout.inbox.iterdir()) == []


def test_only_its_user_reads_the_inbox(layout: Layout) -> None:
    before = os.umask(0)
    try:
        writer = InboxWriter(layout)
        writer.append([event(1)])
    finally:
        os.umask(before)
    found = [layout.root, layout.inbox, *layout.inbox.iterdir()]
    assert [path.stat().st_mode & 0o777 for path in found] == [0o700, 0o700, 0o600]


@pytest.mark.parametrize("name", ["", ASIDE, "one/two"])
def test_nothing_is_written_through_a_link(layout: Layout, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ASIDE).mkdir(parents=True)
    layout.root.mkdir()
    layout.inbox.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="is a link"):
        InboxWriter(layout, name).append([event(1)])
    assert [path.name for path in elsewhere.rglob("*")] == [ASIDE]


def test_a_link_in_the_inbox_is_no_segment(layout: Layout, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("{}")
    layout.inbox.mkdir(parents=True)
    (layout.inbox / "20260819T090002123Z-aaaaaa.jsonl").symlink_to(other)
    assert closed_segments(layout) == []


def test_what_is_aside_is_bounded_and_the_oldest_is_dropped_and_counted(layout: Layout) -> None:
    writer = InboxWriter(layout, ASIDE, max_bytes=10_000, keep_bytes=50_000)
    for number in range(100):
        writer.append([Received(AT.replace(microsecond=number), b"x" * 5000, "not JSON")])
    writer.close()
    kept = [event for path in aside_segments(layout) for event in read_segment(path)]
    assert sum(path.stat().st_size for path in aside_segments(layout)) < 50_000
    assert len(kept) > 4
    assert len(kept) + writer.dropped == 100
    assert [each.received_at.microsecond for each in kept] == list(range(writer.dropped, 100))
    assert kept[0].reason == "not JSON"
    assert closed_segments(layout) == []


def test_two_writers_that_drop_the_oldest_at_once_do_not_disturb_each_other(layout: Layout) -> None:
    kept = {"max_bytes": 4_000, "keep_bytes": 20_000}
    problems: list[Exception] = []

    def write() -> None:
        writer = InboxWriter(layout, ASIDE, **kept)
        try:
            for number in range(150):
                writer.append([event(number, b"x" * 4000)])
        except Exception as error:  # noqa: BLE001 - told below
            problems.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_what_a_killed_writer_left_without_a_name_is_removed(layout: Layout) -> None:
    layout.inbox.mkdir(parents=True)
    old, new = (layout.inbox / f".20260819T090002123Z-aaaaaa.jsonl.0000000{n}.tmp" for n in (1, 2))
    for path in (old, new):
        path.write_bytes(b"{}")
    os.utime(old, (0, 0))
    InboxWriter(layout).append([event(1)])
    assert not old.exists()
    assert new.exists()  # its writer may be about to name it


def test_a_removed_segment_is_gone(layout: Layout) -> None:
    writer = InboxWriter(layout)
    writer.append([event(1)])
    writer.close()
    (path,) = closed_segments(layout)
    remove_segment(path)
    remove_segment(path)
    assert closed_segments(layout) == []


def test_there_are_no_segments_without_an_inbox(layout: Layout) -> None:
    assert closed_segments(layout) == []
    assert first_closed_segment(layout) is None
    assert not has_overdue(layout, now=AT)


def test_a_segment_is_overdue_while_it_is_open_and_old(layout: Layout) -> None:
    writer = InboxWriter(layout)
    writer.append([event(1)])
    begun = datetime.now(UTC)
    assert [has_overdue(layout, now=begun + timedelta(seconds=after)) for after in (-60, 1, 3)] == [False, False, True]
    assert first_closed_segment(layout) is None
    writer.close()
    assert not has_overdue(layout, now=begun + timedelta(seconds=3))
    assert first_closed_segment(layout) == closed_segments(layout)[0]


def test_a_segment_can_be_read_by_its_page_with_the_standard_library_alone(layout: Layout) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "lake-format.md").read_text("utf-8")
    section = page.partition("## `inbox/`\n")[2].partition("\n## ")[0]
    for name, body in (("", b'{"a": "\xc3\xa9"}'), (ASIDE, b"\xff\x00")):
        writer = InboxWriter(layout, name)
        writer.append([Received(AT, body, "not JSON" if name else None)])
        writer.close()
    for path in layout.inbox.rglob("*.jsonl"):
        (line,) = path.read_text("utf-8").splitlines()
        found = json.loads(line)
        assert set(found) <= set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        body = found["body"].encode() if "body" in found else base64.b64decode(found["body_base64"])
        assert body in (b'{"a": "\xc3\xa9"}', b"\xff\x00")
        assert datetime.fromisoformat(found["received_at"]) == AT
        assert re.fullmatch(r"\d{8}T\d{12}Z-[0-9a-f]{6}\.jsonl", path.name)

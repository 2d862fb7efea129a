"""A lake of another format or another API is refused in words, and not written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.lake.format import check_lake, open_lake
from instantly_pipeline.lake.layout import Layout
from tests.lake.helpers import Writer

HERE, THERE = "https://api.example", "https://other.example"


@pytest.mark.parametrize("content", [b"\xff\xfe1", b"2", b"", b"one"])
def test_another_format_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    layout = Layout(tmp_path)
    open_lake(layout)
    (layout.lake / "FORMAT").write_bytes(content)
    with pytest.raises(StorageError, match="in format"):
        open_lake(layout)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_data_of_unknown_origin_is_not_adopted(tmp_path: Path, content: bytes | None) -> None:
    writer = Writer(tmp_path)
    open_lake(writer.layout, origin=HERE)
    writer.run({"id": "1"})
    path = writer.layout.lake / "ORIGIN"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"Write its address"):
        open_lake(writer.layout, origin=THERE)
    path.write_text(HERE)
    open_lake(writer.layout, origin=HERE)


def test_an_empty_lake_takes_the_origin_it_is_opened_with(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    open_lake(layout)
    open_lake(layout, origin=HERE)
    open_lake(layout, origin=f"{HERE}:443")
    with pytest.raises(UsageError, match="holds data read from"):
        open_lake(layout, origin=THERE)


def test_a_check_refuses_the_same_and_writes_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert check_lake(layout, origin=HERE) == ""
    assert list(tmp_path.iterdir()) == []
    open_lake(layout, origin=HERE)
    assert check_lake(layout, origin=HERE) == HERE
    with pytest.raises(UsageError, match="holds data read from"):
        check_lake(layout, origin=THERE)
    layout.format_file.write_text("2")
    with pytest.raises(StorageError, match="in format"):
        check_lake(layout, origin=HERE)


def test_what_a_killed_writer_left_half_written_is_removed(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.run({"id": "1"})
    half = next((tmp_path / "lake" / "changes").rglob("*.parquet")).with_name(".x.parquet.0a1b.tmp")
    half.write_bytes(b"PAR1")
    open_lake(writer.layout)
    assert not half.exists()
    assert len(writer.rows()) == 1

"""What the disk refuses is said in words; a lake of unknown origin is not written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.lake.layout import Layout, open_lake, write_durably
from instantly_pipeline.lake.lock import writing
from tests.lake.helpers import Writer

HERE, THERE = "https://api.example", "https://other.example"


@pytest.mark.parametrize("below", ["", "data"])
def test_a_data_folder_that_is_a_file_or_lies_in_one_is_refused_in_words(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be written"), writing(tmp_path / "file" / below, command="sync"):
        pass


def test_a_lock_that_cannot_be_opened_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(StorageError, match="cannot be written"), writing(tmp_path, command="sync"):
        pass


def test_a_name_too_long_for_the_disk_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written") as caught:
        write_durably(tmp_path / ("x" * 3000), b"")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"\xff\xfe1", b"2", b""])
def test_a_format_that_is_no_text_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
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

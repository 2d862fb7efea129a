"""What the disk refuses is said in words, and leaves what was there."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.durable import replacing, storage_error, write_durably


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    write_durably(tmp_path / "x", b"old")
    with pytest.raises(StorageError, match="is full"), replacing(tmp_path / "x") as handle:
        _write_until_full(handle)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"old")]


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    full = storage_error(tmp_path / "lake" / "x.parquet", OSError(28, "No space left on device"))
    assert isinstance(full, StorageError)
    assert "full" in str(full)
    assert "free some space" in str(full)


def test_a_name_too_long_for_the_disk_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written") as caught:
        write_durably(tmp_path / ("x" * 3000), b"")
    assert len(str(caught.value)) < 600


def _write_until_full(handle: BinaryIO) -> None:
    handle.write(b"ne")
    raise OSError(28, "No space left on device")

"""A data directory that cannot be locked is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.lock import writing


@pytest.mark.parametrize("below", ["", "data"])
def test_a_data_folder_that_is_a_file_or_lies_in_one_is_refused_in_words(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be written"), writing(tmp_path / "file" / below, command="sync"):
        pass


def test_a_lock_that_cannot_be_opened_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(StorageError, match="cannot be written"), writing(tmp_path, command="sync"):
        pass

"""Who may read a data directory, and that nothing in it is written through a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from instantly_pipeline.errors import StorageError
from instantly_pipeline.lake.format import open_lake
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.lock import writing
from instantly_pipeline.lake.permissions import make_folder

HERE = "https://api.example"


PLACES = [".lock", "lake", "lake/changes/things", "lake/state", "lake/meta/x/ws=a/y.tmp", "lake/index", "work",
          "work/spill", "work/a.log", "publish", "publish/current", "publish/warehouse.duckdb"]  # fmt: skip


@pytest.mark.parametrize("dangling", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_a_link_in_a_data_directory_is_refused_before_anything_is_written(
    tmp_path: Path, place: str, dangling: bool
) -> None:
    link, target = tmp_path / "data" / place, tmp_path / "elsewhere"
    link.parent.mkdir(parents=True)
    if not dangling:
        target.mkdir()
        (target / "theirs.tmp").write_text("theirs")
    link.symlink_to(target)
    with (
        pytest.raises(StorageError, match=rf"{place} is a link to .*elsewhere"),
        writing(tmp_path / "data", command="sync"),
    ):
        pass
    assert not (tmp_path / "data" / ".lock.json").exists()
    assert [path.name for path in target.glob("*")] == ([] if dangling else ["theirs.tmp"])


def test_the_data_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    with writing(tmp_path / "data", command="sync"):
        open_lake(Layout(tmp_path / "data"), origin=HERE)
    assert (tmp_path / "disk" / "lake" / "ORIGIN").is_file()


def test_what_others_could_read_is_narrowed_by_the_next_command_that_writes(tmp_path: Path) -> None:
    old = tmp_path / "data" / "lake" / "changes" / "leads" / "x.parquet"
    with umask(0o022):
        old.parent.mkdir(parents=True)
        (tmp_path / "data" / "work").mkdir()
        for path in (old, tmp_path / "data" / "work" / "build.duckdb", tmp_path / "data" / ".lock"):
            path.write_bytes(b"")
        with writing(tmp_path / "data", command="sync"):
            pass
    assert open_to_others(tmp_path / "data") == {"."}


def test_what_is_created_while_a_data_directory_is_held_is_its_users_alone(tmp_path: Path) -> None:
    with umask(0o022):
        with writing(tmp_path / "data", command="sync"), writing(tmp_path / "data", command="again"):
            open_lake(Layout(tmp_path / "data"), origin=HERE)
            (tmp_path / "data" / "work").mkdir()
            (tmp_path / "data" / "work" / "by another library").write_bytes(b"")
        (tmp_path / "later").write_bytes(b"")
    assert open_to_others(tmp_path / "data") == set()
    assert (tmp_path / "later").stat().st_mode & 0o777 == 0o644


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def open_to_others(folder: Path) -> set[str]:
    found = (folder, *folder.rglob("*"))
    return {path.relative_to(folder).as_posix() for path in found if path.stat().st_mode & 0o077}


def test_a_umask_that_withholds_everything_does_not_shut_us_out(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        with writing(tmp_path / "a" / "data", command="sync"):
            pass
        make_folder(tmp_path / "b" / "c")
    finally:
        os.umask(before)
    modes = [(tmp_path / folder).stat().st_mode & 0o777 for folder in ("a/data", "b", "b/c")]
    assert modes == [0o700] * 3

"""Single versions are found again, wherever compaction has put them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from instantly_pipeline.errors import UnreadableFile
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.lake.index.last_versions import in_micros
from instantly_pipeline.lake.read_versions import read_versions
from tests.lake.helpers import Writer


def at_of(writer: Writer, name: str) -> int:
    return in_micros(next(row["_synced_at"] for row in writer.rows() if row["name"] == name))


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    """A thing that was a, then b, then a again, beside another one."""
    made = Writer(tmp_path)
    for name in ("a", "b", "c"):
        made.run({"id": "1", "name": name, "count": len(name)}, {"id": "2", "name": f"other {name}"})
    return made


@pytest.mark.parametrize("is_compacted", [False, True])
def test_the_version_that_is_asked_for_is_read(writer: Writer, *, is_compacted: bool) -> None:
    if is_compacted:
        compact(writer.layout, now=datetime.now(UTC) + timedelta(days=400))
    wanted = {'["1"]': at_of(writer, "b"), '["2"]': at_of(writer, "other c")}
    assert read_versions(writer.layout, "things", "w", wanted, ["name", "count"]) == {
        '["1"]': {"name": "b", "count": 1},
        '["2"]': {"name": "other c", "count": None},
    }


def test_versions_and_columns_that_are_not_there_are_left_out(writer: Writer) -> None:
    wanted = {'["1"]': at_of(writer, "b") + 1, '["2"]': at_of(writer, "other b"), '["3"]': at_of(writer, "b")}
    assert read_versions(writer.layout, "things", "w", wanted, ["name", "of tomorrow"]) == {
        '["2"]': {"name": "other b"}
    }
    assert read_versions(writer.layout, "things", "another", wanted, ["name"]) == {}


def test_a_damaged_file_is_named(writer: Writer) -> None:
    file = writer.layout.files(writer.layout.changes, "things")[0]
    wanted = {'["1"]': at_of(writer, "a")}
    file.path.write_bytes(b"PAR1 no")
    with pytest.raises(UnreadableFile, match=file.path.name):
        read_versions(writer.layout, "things", "w", wanted, ["name"])

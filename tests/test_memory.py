"""What memory there is, within control groups of both versions, and what DuckDB gets of it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from instantly_pipeline.memory import available, default_limit, in_bytes
from instantly_pipeline.warehouse.db.build_file import limit_threads

GB = 1_000_000_000


def machine(root: Path, groups: str, **limits: str) -> Path:
    """Files as Linux has them: this process's control groups, and the limits by path."""
    for path, content in {"proc/self/cgroup": groups, **limits}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return root


def test_a_machine_without_control_groups_has_what_it_has(tmp_path: Path) -> None:
    assert available(tmp_path, 8 * GB) == 8 * GB


@pytest.mark.parametrize(
    ("groups", "limits", "found"),
    [
        ("0::/\n", {"sys/fs/cgroup/memory.max": "3000000000\n"}, 3 * GB),
        ("0::/\n", {"sys/fs/cgroup/memory.max": "max\n"}, 8 * GB),
        ("0::/a/b\n", {"sys/fs/cgroup/a/memory.max": "2000000000", "sys/fs/cgroup/a/b/memory.max": "max"}, 2 * GB),
        ("0::/elsewhere\n", {"sys/fs/cgroup/memory.max": "16000000000"}, 8 * GB),
        ("5:cpu:/\n4:memory:/x\n0::/\n", {"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000000000"}, GB),
        ("4:memory:/x\n", {"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712"}, 8 * GB),
    ],
)
def test_the_smallest_limit_counts(tmp_path: Path, groups: str, limits: dict[str, str], found: int) -> None:
    assert available(machine(tmp_path, groups, **limits), 8 * GB) == found


@pytest.mark.parametrize(("memory", "limit"), [(1, "512MB"), (3, "750MB"), (8, "1000MB"), (64, "1000MB")])
def test_duckdb_gets_a_quarter_within_bounds(memory: int, limit: str) -> None:
    assert default_limit(memory * GB) == limit


@pytest.mark.parametrize(("amount", "found"), [("512MB", 512_000_000), ("1.5 gib", 1_610_612_736), ("1 TB", 10**12)])
def test_amounts_are_read_as_duckdb_reads_them(amount: str, found: int) -> None:
    assert in_bytes(amount) == found
    with duckdb.connect(config={"memory_limit": amount}) as con, duckdb.connect() as other:
        other.execute(f"set memory_limit = '{found} bytes'")
        asked = "select current_setting('memory_limit')"
        assert con.execute(asked).fetchall() == other.execute(asked).fetchall()


@pytest.mark.parametrize(("limit", "threads"), [("512MB", 4), ("1GB", 8), ("60MB", 1), ("64GB", 16)])
def test_threads_follow_from_the_limit(limit: str, threads: int) -> None:
    with duckdb.connect(config={"threads": 16}) as con:
        limit_threads(con, limit)
        assert con.execute("select current_setting('threads')").fetchall() == [(threads,)]

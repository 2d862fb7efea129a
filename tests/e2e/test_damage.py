"""A file of the lake is damaged from outside: the command names it, publishes nothing, and goes on once it is back."""

from __future__ import annotations

import os
from pathlib import Path

from instantly_pipeline.sandbox.config import SandboxConfig
from tests.e2e.test_kill import TABLES, Command, published
from tests.sync.harness import assert_equal, bench

CONFIG = SandboxConfig(leads=120, campaigns=2, accounts=3, days=10, rate_limited=False)


def test_a_damaged_file_of_the_lake_is_named_and_nothing_is_published(tmp_path: Path) -> None:
    with bench(tmp_path / "data", CONFIG, apart=True) as at:
        command = Command(at, tmp_path)
        command.finish()
        good = at.layout.published_file.read_bytes()
        for table in ("changes/leads", "meta/stream_status"):
            damaged = min((at.layout.lake / table).rglob("*.parquet"))
            whole = damaged.read_bytes()
            os.truncate(damaged, 200)

            child = command.start()
            said, _ = child.communicate(timeout=120)
            assert child.returncode == 1, said
            assert f"Error: {damaged} cannot be read" in said
            assert "restore it from a backup, or move it away" in said
            assert "Traceback" not in said
            assert at.layout.published_file.read_bytes() == good
            damaged.write_bytes(whole)

        at.advance(hours=30)
        command.finish()
        for stream in TABLES:
            assert_equal(stream, at.state(stream), published(at.layout.published_file, stream))

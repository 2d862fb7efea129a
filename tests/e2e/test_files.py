"""The files the command leaves: no secret is in any of them; one that is damaged from outside is named.

Nothing is published meanwhile, and the next sync goes on once the file is back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from instantly_sandbox.config import SandboxConfig
from tests.e2e.test_kill import TABLES, Command, published
from tests.sync.harness import Bench, assert_equal, bench

pytestmark = pytest.mark.whole

CONFIG = SandboxConfig(leads=120, campaigns=2, accounts=3, days=10, rate_limited=False, profile="seed")
Synced = tuple[Bench, Command, str]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """A data directory that the command has filled, and what it said; one request failed at first."""
    folder = tmp_path_factory.mktemp("files")
    with bench(folder / "data", CONFIG, apart=True) as at:
        at.fault("/api/v2/lead-lists", "status", status=500, times=1)
        command = Command(at, folder)
        before = os.umask(0o022)
        child = command.start()
        os.umask(before)
        said, _ = child.communicate(timeout=240)
        assert child.returncode == 0, said
        yield at, command, said


def test_no_secret_reaches_any_file_the_command_writes(synced: Synced) -> None:
    at, _, said = synced
    secrets = [b"-SECRET-", at.key.encode(), json.dumps(at.key).encode()]
    files = [path for path in at.data_dir.parent.rglob("*") if path.is_file()]
    assert any(path.suffix == ".duckdb" for path in files)
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content], path
    assert not [secret for secret in secrets if secret in said.encode()]


def test_only_what_is_published_is_open_to_others_and_only_to_the_group(synced: Synced) -> None:
    at, command, _ = synced
    roots = (at.data_dir, Path(command.environment["DAGSTER_HOME"]))
    rights = {path: path.stat().st_mode & 0o777 for root in roots for path in (root, *root.rglob("*"))}
    assert any(path.suffix == ".db" for path in rights)
    published = {at.data_dir} | {path for path in rights if path.is_relative_to(at.layout.publish)}
    assert {mode for path, mode in rights.items() if path not in published} <= {0o600, 0o700}
    assert rights[at.data_dir] == 0o710
    assert {rights[path] for path in published if path.is_file()} == {0o440}
    assert {rights[path] for path in published - {at.data_dir} if path.is_dir()} == {0o750}


def test_a_damaged_file_of_the_lake_is_named_and_nothing_is_published(synced: Synced) -> None:
    at, command, _ = synced
    good = at.layout.published_file.read_bytes()
    for table in ("changes/leads", "meta/stream_status"):
        damaged = min((at.layout.lake / table).rglob("*.parquet"))
        whole = damaged.read_bytes()
        os.truncate(damaged, 200)

        child = command.start("--streams", "leads")
        said, _ = child.communicate(timeout=240)
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

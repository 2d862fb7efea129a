"""A workspace's id is any text: it is synced, and synced again, as any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from instantly_pipeline.lake.compact import compact
from instantly_pipeline.sync.reset import reset
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, bench, stream_result

pytestmark = pytest.mark.medium

TINY = SandboxConfig(leads=20, campaigns=2, accounts=2, days=3, rate_limited=False, now=NOON)


@pytest.mark.parametrize("odd", ["_all", "x" * 300, "é" * 5_000, "..", "../../a", "a'\x00\n*", "CON", " "])
def test_any_text_can_be_a_workspaces_id(tmp_path: Path, odd: str) -> None:
    with bench(tmp_path / "data", TINY) as at:
        at.fault("/api/v2/workspaces/current", "status", status=200, body={"id": odd, "name": odd})
        assert at.sync("workspaces", "campaigns", "leads").exit_code == 0
        at.advance(days=2)
        compact(at.layout, now=at.clock.now())
        again = at.sync("workspaces", "campaigns", "leads")
        assert again.exit_code == 0
        assert {(w.workspace_id, stream_result(again, "campaigns").changes.inserted) for w in again.workspaces} == {
            (odd, 0)
        }
        assert at.layout.workspaces() == [odd]
        assert {row["_ws"] for row in at.rows("leads")} == {odd}
        assert reset(at.layout, ["leads"]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"data"}

"""A run takes the settings of the file as it is when the run begins, whatever Dagster has read at its own start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.orchestration.pipeline import make_home

pytestmark = pytest.mark.whole

# `dagster dev` begins so; then the code server loads the definitions; then somebody changes the file
STARTED = """
import os
from pathlib import Path
import dagster as dg
from dagster._cli.utils import get_possibly_temporary_instance_for_cli

os.environ["DAGSTER_IS_DEV_CLI"] = "1"
file = Path(".env")
with get_possibly_temporary_instance_for_cli("dagster dev"):
    {before}
    from instantly_pipeline.definitions import defs
    {after}
    with dg.build_schedule_context() as context:
        [request] = defs.resolve_schedule_def("hourly_sync").evaluate_tick(context).run_requests
print(sorted(key.path[1] for key in request.asset_selection if key.path[0] == "lake"))
"""
CHANGE = 'file.write_text(file.read_text().replace("campaigns", "custom_tags"))'


@pytest.mark.parametrize(("shipped", "when"), [(True, "after"), (False, "before")])
def test_a_tick_takes_what_the_file_says_now(tmp_path: Path, shipped: bool, when: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"INSTANTLY_STREAMS=campaigns\nINSTANTLY_DATA_DIR={tmp_path / 'data'}\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("INSTANTLY_", "DAGSTER_"))}
    env |= {"INSTANTLY_ENV_FILE": str(file), "DAGSTER_DISABLE_TELEMETRY": "1"}
    if shipped:
        env["DAGSTER_HOME"] = str(make_home(tmp_path / "home"))
    script = STARTED.format(**{"before": "pass", "after": "pass"} | {when: CHANGE})
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['custom_tags']"

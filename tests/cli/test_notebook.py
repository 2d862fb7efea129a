"""The notebook answers on what a sync published, and says what to type where there is nothing."""

from __future__ import annotations

import subprocess
import sys

from instantly_pipeline.settings import PROJECT_ROOT
from tests.cli.conftest import Shell
from tests.orchestration.pipeline import Pipeline

TOUR = PROJECT_ROOT / "notebooks" / "tour.py"
# runs every cell; prints the answers' rows by name, and the text of what is shown
RUN = f"""
import runpy
outputs, names = runpy.run_path({str(TOUR)!r})["app"].run()
print({{name: len(value) for name, value in names.items() if type(value).__name__ == "DataFrame"}})
print([str(getattr(output, "text", "")) for output in outputs])
"""


def run(shell: Shell) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN], env=shell.environment, capture_output=True, text=True, timeout=120
    )


def test_every_cell_runs_on_what_a_sync_published(synced: tuple[Pipeline, Shell]) -> None:
    _, shell = synced
    done = run(shell)
    assert done.returncode == 0, done.stderr
    answers = eval(done.stdout.splitlines()[0])
    assert answers.keys() == {
        "days", "campaigns", "steps", "senders", "runway", "restated", "not_fresh", "differences", "marts"
    }  # fmt: skip
    assert min(answers[name] for name in ("days", "campaigns", "steps", "marts")) > 0
    assert answers["not_fresh"] == 0


def test_without_a_published_file_it_says_what_to_type(shell: Shell) -> None:
    done = run(shell)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{}")
    assert "There is nothing to look at yet" in done.stdout
    assert "instantly-pipeline sync" in done.stdout

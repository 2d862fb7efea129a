"""What a command is said to have used is what it used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.process import measured

HELD_MB = 60
CHILD = f"import time; held = bytearray({HELD_MB} << 20); held[::4096] = b'1' * len(held[::4096]); time.sleep(0.6)"
PARENT = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {CHILD!r}]); {CHILD}; child.wait()"


@pytest.mark.medium
def test_the_peak_is_that_of_a_process_and_its_child_together(tmp_path: Path) -> None:
    used = measured([sys.executable, "-c", PARENT], env={}, cwd=tmp_path, log=tmp_path / "log", out=None, within=30.0)

    assert used.exit_code == 0
    assert 2 * HELD_MB <= used.peak_mb < 3 * HELD_MB


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]

    used = measured(command, env={}, cwd=tmp_path, log=tmp_path / "log", out=None, within=0.2)

    assert used.exit_code == -9

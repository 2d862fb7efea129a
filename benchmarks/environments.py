"""An environment per contender under `benchmarks/.envs/`, made by pip from the pinned requirements beside this file."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = {
    "bare": ("httpx", "orjson", "polars", "uvloop"),
    "dlt": ("dlt", "pyarrow", "duckdb"),
    "airbyte": ("airbyte-cdk",),
    "ours": ("instantly-pipeline", "httpx", "orjson", "pyarrow", "duckdb", "dagster"),
}
_ASK = (
    "import json, sys; from importlib.metadata import version; print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
)


def python(name: str) -> Path:
    """The interpreter of a contender; ours is the one that runs this."""
    return Path(sys.executable) if name == "ours" else HERE / ".envs" / name / "bin" / "python"


def make(name: str) -> str | None:
    """Make the environment unless it is there as pinned; what pip said where it could not."""
    pins, folder = HERE / f"requirements-{name}.txt", HERE / ".envs" / name
    stamp, wanted = folder / "pins", hashlib.sha256(pins.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return None
    sys.stderr.write(f"Making the environment of {name} ...\n")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python(name)), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(pins)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        return next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), done.stderr[-300:])
    stamp.write_text(wanted)
    return None


def versions(name: str) -> dict[str, str]:
    """Of the packages that matter, as installed."""
    done = subprocess.run([str(python(name)), "-c", _ASK, *PACKAGES[name]], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found

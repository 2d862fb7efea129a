"""Dagster's home and its instance.

`InstanceRef` is private to dagster 1.13, but required to open an instance with settings that override `dagster.yaml`.
Can be removed when `DagsterInstance.from_config` accepts overrides (`test_workarounds.py` checks that).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance import InstanceRef
from sqlalchemy.exc import OperationalError
from yaml import YAMLError

from instantly_pipeline import settings
from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.lake.permissions import keep_private, make_folder, private_umask, set_mode

# Also for a user's own `dagster.yaml`: no telemetry, and the output of this terminal is not captured in files.
_OVERRIDES = {
    "telemetry": {"enabled": False},
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
        "config": {},
    },
}


def dagster_home() -> Path:
    """DAGSTER_HOME, or `dagster_home/` of the project; relative paths start at the project's root."""
    return settings.dagster_home()


def open_instance() -> dg.DagsterInstance:
    """The instance whose runs Dagster's UI shows.

    StorageError if its folder cannot be written, UsageError if its `dagster.yaml` is invalid.
    """
    home = dagster_home()
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        make_folder(home)
    except OSError as error:
        raise StorageError(
            f"{home} cannot be created: {error.strerror}. Dagster stores its records there; "
            "set DAGSTER_HOME to another folder."
        ) from error
    os.environ["DAGSTER_HOME"] = str(home)  # dagster.yaml refers to it
    keep_home(home)
    with private_umask(), dagster_records(), _readable(home / "dagster.yaml"):
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=_OVERRIDES))


def keep_home(home: Path) -> None:
    """Restrict Dagster's records to their owner. StorageError if there is a link among them.

    Dagster's other folders and `dagster.yaml` may be links: we do not write there.
    """
    keep_private(home / "history", home / "schedules")
    set_mode(home, 0o700)


@contextmanager
def _readable(config: Path) -> Iterator[None]:
    """Raise UsageError for invalid Dagster settings."""
    try:
        yield
    except (dg.DagsterInvalidConfigError, YAMLError) as error:
        said = " ".join(str(error).split()).partition(". Expected: ")[0]
        raise UsageError(
            f"{config} is invalid: {said[:300]}. Nothing was read or written. Correct it, or set DAGSTER_HOME to a "
            "folder with a copy of the project's dagster_home/dagster.yaml."
        ) from error


@contextmanager
def dagster_records() -> Iterator[None]:
    """Raise StorageError if Dagster cannot read or write its own records."""
    try:
        yield
    except (OperationalError, PermissionError) as error:
        raise StorageError(
            f"Dagster's records in {dagster_home()} cannot be written: {error.args[0] if error.args else error}. "
            "Check the folder's permissions and the free disk space; what was synced so far is safe."
        ) from error

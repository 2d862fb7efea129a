"""Dagster's home, and the instance that lives in it.

`InstanceRef` is private to dagster 1.13, and only with it can an instance be opened with settings that go before those
of `dagster.yaml`. It can go when `DagsterInstance.from_config` takes them (`test_workarounds.py` tells).
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

# For a home of the user's own: nothing may be sent, and nothing may redirect this terminal into a file.
_OVERRIDES = {
    "telemetry": {"enabled": False},
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
        "config": {},
    },
}


def dagster_home() -> Path:
    """DAGSTER_HOME, or `dagster_home/` of the project; relative paths are taken from the project's root."""
    return settings.dagster_home()


def open_instance() -> dg.DagsterInstance:
    """The instance whose runs Dagster's UI shows.

    StorageError where its folder cannot be written, UsageError where its `dagster.yaml` is wrong.
    """
    home = dagster_home()
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        make_folder(home)
    except OSError as error:
        raise StorageError(
            f"{home} cannot be made: {error.strerror}. Dagster keeps its records there; "
            "DAGSTER_HOME names another folder."
        ) from error
    os.environ["DAGSTER_HOME"] = str(home)  # dagster.yaml refers to it
    keep_home(home)
    with private_umask(), dagster_records(), _readable(home / "dagster.yaml"):
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=_OVERRIDES))


def keep_home(home: Path) -> None:
    """See to it that Dagster's records are their user's alone. StorageError where there is a link among them.

    Dagster's other folders, and `dagster.yaml`, may be links: nothing is written there by us.
    """
    keep_private(home / "history", home / "schedules")
    set_mode(home, 0o700)


@contextmanager
def _readable(config: Path) -> Iterator[None]:
    """UsageError, in words, where Dagster's settings are wrong."""
    try:
        yield
    except (dg.DagsterInvalidConfigError, YAMLError) as error:
        said = " ".join(str(error).split()).partition(". Expected: ")[0]
        raise UsageError(
            f"{config} cannot be used: {said[:300]}. Nothing was read or written. Correct it, or set DAGSTER_HOME to a "
            "folder that holds a copy of the project's dagster_home/dagster.yaml."
        ) from error


@contextmanager
def dagster_records() -> Iterator[None]:
    """StorageError, in words, where Dagster cannot read or write its own records."""
    try:
        yield
    except (OperationalError, PermissionError) as error:
        raise StorageError(
            f"Dagster's records in {dagster_home()} cannot be written: {error.args[0] if error.args else error}. "
            "Check the folder's rights and the free space of the disk; what was synced so far is safe."
        ) from error

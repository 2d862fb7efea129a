"""What tests of all folders share."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.warehouse.lake_writer import LakeWriter, Opener

pytest.register_assert_rewrite("tests.snapshots")  # shows what differs

hypothesis.settings.register_profile("no deadline", deadline=None)  # how long an example takes is the machine's matter
hypothesis.settings.load_profile("no deadline")

# Files that read the same synced data, by folder: on one worker it is made once.
TOGETHER = {
    "cli": ("commands", "doctor", "export", "notebook", "plan", "report"),
    "warehouse/marts": ("contracts", "fact_worlds", "worlds"),
}
_FOLDER = {f"tests/{folder}/test_{name}.py": folder for folder, names in TOGETHER.items() for name in names}


class Together(LoadFileScheduling):
    """The tests of a file, and of the files that go with it, on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return _FOLDER.get(file, file)


def pytest_configure() -> None:
    """A shell lets its background jobs ignore Ctrl-C, and their children with them; some tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """For `--dist loadfile`."""
    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def empty_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build file of an empty lake, with the tables of all streams and models."""
    made = Opener(LakeWriter(tmp_path_factory.mktemp("empty")))
    warehouse = made(load=True)
    warehouse.run_models()
    made.close()
    return warehouse.layout.build_file

"""`doctor --probe` as it is typed: what it prints, the file, its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from instantly_pipeline.doctor.probe.run import MOST
from instantly_sandbox.server import RunningSandbox, SandboxConfig, running
from tests.cli.conftest import Shell

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def box() -> Iterator[RunningSandbox]:
    with running(SandboxConfig(key="probe-secret-4711", leads=300, rate_limited=False, workspaces=2)) as found:
        yield found


@pytest.fixture
def probing(shell: Shell, box: RunningSandbox) -> Shell:
    httpx.delete(f"{box.url}/_sandbox/switches", verify=False).raise_for_status()
    shell.environment |= {"INSTANTLY_BASE_URL": box.url, "INSTANTLY_API_KEY": box.key}
    return shell


def test_it_says_what_it_will_ask_prints_a_table_and_writes_a_private_file(probing: Shell) -> None:
    done = probing.here("doctor", "--probe")
    assert (done.returncode, done.stderr.splitlines()) == (
        0, [f"Asking the workspace 'default': about 26 read requests, at most {MOST}."],
    )  # fmt: skip
    file = probing.data_dir / "probe.json"
    assert [path.name for path in probing.data_dir.iterdir()] == ["probe.json"]
    assert file.stat().st_mode & 0o777 == 0o600
    document = json.loads(file.read_bytes())
    assert document["api"].startswith("another server (")
    assert document["for_sync"] == {"daily_days": None, "step_dates": "instants", "step_end_included": True}
    for one in document["answers"]:
        assert f"{one['question']}  " in done.stdout
        assert one["asks"] in done.stdout
        assert one["state"] == "answered" or one["answer"] is None
    assert "questions: " in done.stdout
    assert "probe-secret-4711" not in done.stdout + file.read_text()


def test_a_second_probe_says_what_has_changed(probing: Shell, box: RunningSandbox) -> None:
    probing.here("doctor", "--probe")
    same = probing.here("doctor", "--probe").stdout
    httpx.post(f"{box.url}/_sandbox/switches", json={"account_order": "asc"}, verify=False).raise_for_status()
    other = probing.here("doctor", "--probe").stdout
    assert "no answer has changed." in same
    assert "accounts_order: newest first -> oldest first." in other


def test_json_is_the_content_of_the_file(probing: Shell, tmp_path: Path) -> None:
    done = probing.here("doctor", "--probe", "--json", "--out", str(tmp_path / "deep" / "mine.json"))
    assert json.loads(done.stdout) == json.loads((tmp_path / "deep" / "mine.json").read_bytes())
    assert not probing.data_dir.exists()


def test_of_several_workspaces_it_asks_one(probing: Shell, box: RunningSandbox) -> None:
    httpx.delete(f"{box.url}/_sandbox/requests", verify=False)
    keys = json.dumps({"acme": box.key, "globex": f"{box.key}-2"})
    done = probing.here("doctor", "--probe", "--workspace", "globex", INSTANTLY_API_KEY="", INSTANTLY_API_KEYS=keys)
    log = httpx.get(f"{box.url}/_sandbox/requests/log", verify=False).json()
    assert done.returncode == 0
    assert "Asking the workspace 'globex'" in done.stderr
    assert len({one["workspace"] for one in log}) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--probe", "--workspace", "none"), "There is no workspace 'none'. The settings name: default."),
        (("--workspace", "default"), "belong to --probe"),
        (("--out", "x.json"), "belong to --probe"),
    ],
)
def test_a_wrong_option_is_2_and_nothing_is_written(probing: Shell, args: tuple[str, ...], said: str) -> None:
    done = probing.here("doctor", *args)
    assert done.returncode == 2
    assert said in done.stderr
    assert not probing.data_dir.exists()


def test_a_rejected_key_is_2_and_every_row_says_so(probing: Shell) -> None:
    done = probing.here("doctor", "--probe", INSTANTLY_API_KEY="wrong-key-0815")
    assert done.returncode == 2
    assert "not asked, since GET /campaigns limit=100 answered 401" in done.stdout
    assert "wrong-key-0815" not in done.stdout + done.stderr


def test_a_probe_without_any_answer_leaves_the_file_of_the_one_before(probing: Shell) -> None:
    probing.here("doctor", "--probe")
    before = (probing.data_dir / "probe.json").read_bytes()
    done = probing.here("doctor", "--probe", INSTANTLY_API_KEY="wrong-key-0815")
    assert done.returncode == 2
    assert "still that of the probe before" in done.stdout
    assert (probing.data_dir / "probe.json").read_bytes() == before


def test_a_key_with_few_scopes_is_3(probing: Shell, box: RunningSandbox) -> None:
    scopes = {"key_scopes": {box.key: ["campaigns:read"]}}
    httpx.post(f"{box.url}/_sandbox/switches", json=scopes, verify=False).raise_for_status()
    done = probing.here("doctor", "--probe")
    assert done.returncode == 3
    assert "(failed)" in done.stdout


def test_a_file_that_cannot_be_written_is_said(probing: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = probing.here("doctor", "--probe", "--out", str(tmp_path / "file" / "probe.json"))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr

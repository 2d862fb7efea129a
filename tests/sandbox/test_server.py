"""Starting and ending a sandbox: thread, child process, command line."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime

import httpx
import psutil
import pytest

from instantly_sandbox.app import App
from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.server import running, spawned
from tests.sandbox.conftest import AGENT, Api, small

pytestmark = pytest.mark.medium


def test_a_sandbox_in_a_thread_ends_with_its_block() -> None:
    with running(small(leads=10)) as sandbox:
        api = Api(sandbox.url, sandbox.key)
        assert api.status("campaigns") == 200
        assert sandbox.pid == os.getpid()
        api.http.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{sandbox.url}/_sandbox/clock", verify=False)


def test_a_sandbox_in_a_child_has_an_interpreter_of_its_own_and_the_same_world() -> None:
    config = small(leads=120, scopes=("campaigns:read", "leads:read"), switches={"short_pages": ["leads"]})
    with spawned(config) as child, running(config) as thread:
        assert child.pid != os.getpid()
        ours, theirs = Api(thread.url, thread.key), Api(child.url, child.key)
        assert ours.leads() == theirs.leads()
        assert theirs.status("accounts") == 403
        for api in (ours, theirs):
            api.http.close()
    assert not psutil.pid_exists(child.pid)


def test_a_child_ends_when_its_parent_dies() -> None:
    code = (
        "import os, sys\n"
        "from instantly_sandbox.server import SandboxConfig, spawned\n"
        "with spawned(SandboxConfig(leads=5)) as s:\n"
        "    print(s.pid, flush=True)\n"
        "    os._exit(9)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert parent.returncode == 9
    pid = int(parent.stdout)
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the child outlived its parent")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_address_and_ends_cleanly(ending: signal.Signals) -> None:
    command = [sys.executable, "-m", "instantly_sandbox", "--key", "abc", "--leads", "20", "--days", "10"]
    command += ["--now", "2026-03-01T00:00:00Z", "--campaigns", "3", "--accounts", "4", "--unlimited"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url, key = child.stdout.readline().split()
        api = Api(url, key)
        assert key == "abc"
        assert api.control("GET", "clock")["now"] == "2026-03-01T00:00:00.000Z"
        assert (len(api.leads()), len(api.items("campaigns"))) == (20, 3)
        assert api.control("GET", "switches")["rate_limits"]["enabled"] is False
        api.http.close()
        child.send_signal(ending)
        assert child.wait(10) == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""


def test_a_taken_port_is_an_error_in_words() -> None:
    with running(small(leads=1)) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(RuntimeError, match="did not start"), running(small(leads=1, port=port)):
            pass


@pytest.mark.parametrize(
    "wrong",
    [{"host": "0.0.0.0"}, {"profile": "old"}, {"leads": -1}, {"days": 0}, {"now": datetime(2026, 1, 1)}],  # noqa: DTZ001
)
def test_a_configuration_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"loopback|live or seed|0 or more|time zone"):
        SandboxConfig(**wrong)  # type: ignore[arg-type]


async def _through_asgi(app: App) -> tuple[int, int]:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    headers = {"authorization": "Bearer sandbox-key", "user-agent": AGENT}
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        page = await client.post("/api/v2/leads/list", json={"limit": 3})
        clock = await client.get("/_sandbox/clock")
    return len(page.json()["items"]), clock.status_code


def test_the_application_can_be_used_without_a_server() -> None:
    import asyncio

    assert asyncio.run(_through_asgi(App(small(leads=9)))) == (3, 200)


def test_a_warm_sandbox_has_every_lead_rendered() -> None:
    app = App(small(leads=50, warm=True))
    store = app.tenants.all[0].world.leads
    assert all(store._records[row] for row in store.everything().rows)

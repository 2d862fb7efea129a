"""Where `webhooks serve` may listen, and what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import COMMAND
from tests.receiver.served import PATH, environment, served

pytestmark = pytest.mark.medium


def refused(data_dir: Path, *args: str, secret: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "webhooks", "serve", *args]
    return subprocess.run(command, env=environment(data_dir, secret), capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
def test_without_a_secret_it_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    done = refused(tmp_path / "data", "--host", host, "--port", "0")
    assert done.returncode == 2
    assert "INSTANTLY_WEBHOOK_SECRET" in done.stderr
    assert "Traceback" not in done.stderr


def test_on_loopback_it_needs_no_secret_and_says_so(tmp_path: Path) -> None:
    with served(tmp_path / "data", secret=None) as receiver:
        assert httpx.post(receiver.url + PATH, content=b'{"event_type": "email_sent"}').status_code == 200
        assert "INSTANTLY_WEBHOOK_SECRET is not set" in receiver.end()[1]


def test_it_says_which_setting_lets_syncs_take_events_in(tmp_path: Path) -> None:
    with served(tmp_path / "data") as receiver:
        assert "INSTANTLY_STREAMS leaves events out" in receiver.end()[1]


def test_with_a_secret_it_listens_everywhere(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--host", "0.0.0.0") as receiver:
        assert httpx.get(f"http://127.0.0.1:{receiver.port}/healthz").status_code == 200


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with served(tmp_path / "data") as receiver:
        done = refused(tmp_path / "data", "--port", str(receiver.port))
        assert done.returncode == 2
        assert f"port {receiver.port}" in done.stderr
        assert "--port" in done.stderr


def test_it_says_at_once_where_it_cannot_store_events(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "inbox").symlink_to(tmp_path)
    with served(tmp_path / "data") as receiver:
        assert receiver.post(b'{"event_type": "email_sent"}').status_code == 503
        assert "is a link" in receiver.end()[1]


def test_a_secret_that_no_header_can_carry_is_refused_without_showing_it(tmp_path: Path) -> None:
    done = refused(tmp_path / "data", secret="caf\u00e9-of-secrets")
    assert done.returncode == 2
    assert "INSTANTLY_WEBHOOK_SECRET" in done.stderr
    assert "of-secrets" not in done.stderr


def test_it_loads_neither_lake_nor_warehouse_nor_dagster() -> None:
    program = (
        "import sys, instantly_pipeline.cli.webhooks_serve_command\n"
        "heavy = {'dagster', 'duckdb', 'pyarrow', 'numpy', 'polars', 'sqlglot', 'rich'} & sys.modules.keys()\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user")
def test_it_says_where_the_user_who_syncs_cannot_read_what_it_receives(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 65534, -1)
    with served(tmp_path / "data") as receiver:
        assert "belongs to another user" in receiver.end()[1]
    os.chown(tmp_path / "data", 0, -1)
    with served(tmp_path / "data") as receiver:
        assert "belongs to another user" not in receiver.end()[1]

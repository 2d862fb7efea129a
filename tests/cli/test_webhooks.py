"""`webhooks register`, `list` and `remove` as a user types them, against a sandbox."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.events.intake import sort_inbox
from instantly_sandbox.config import SandboxConfig
from instantly_sandbox.server import running
from tests.cli.conftest import Shell
from tests.receiver.served import PATH, served
from tests.sync.inbox import inbox_files, receive

pytestmark = pytest.mark.medium

URL = "https://hooks.example.com/webhooks/instantly"
SECRET = "s3cret-of-this-test"


@dataclass
class Site:
    """A workspace, and a user with a key to it."""

    shell: Shell
    url: str
    key: str

    def api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.key}", "user-agent": "tests/1"}
        answer = httpx.request(method, f"{self.url}/api/v2/{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ours(self) -> list[dict[str, Any]]:
        """The webhooks that send to our address."""
        found: list[dict[str, Any]] = self.api("GET", "webhooks?limit=100")["items"]
        return [each for each in found if each["target_hook_url"] == URL]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(SandboxConfig(port=0, campaigns=1, leads=1, days=1, scopes=("all:all",))) as box:
        settings = {"INSTANTLY_API_KEY": box.key, "INSTANTLY_BASE_URL": box.url, "INSTANTLY_WEBHOOK_SECRET": SECRET}
        yield Site(Shell(tmp_path, **settings), box.url, box.key)


def test_it_registers_all_events_with_the_secret_and_tells_it_when_done_again(site: Site) -> None:
    first = site.shell.here("webhooks", "register", URL, "--yes")
    again = site.shell.here("webhooks", "register", URL, "--yes")
    assert (first.returncode, again.returncode) == (0, 0)
    assert "Registered: all events" in first.stdout
    assert "Registered already: all events" in again.stdout
    (webhook,) = site.ours()
    assert (webhook["event_type"], webhook["headers"]) == ("all_events", {"X-Webhook-Secret": SECRET})
    assert SECRET not in first.stdout + first.stderr + again.stdout + again.stderr


def test_it_registers_each_kind_of_event_that_is_missing(site: Site) -> None:
    site.shell.here("webhooks", "register", URL, "--events", "reply_received", "--yes")
    done = site.shell.here("webhooks", "register", URL, "--events", "reply_received,email_bounced", "--yes")
    assert done.returncode == 0
    assert "Registered already: reply_received" in done.stdout
    assert sorted(each["event_type"] for each in site.ours()) == ["email_bounced", "reply_received"]


def test_what_was_switched_off_is_switched_on_again(site: Site) -> None:
    site.shell.here("webhooks", "register", URL, "--yes")
    (webhook,) = site.ours()
    change = {"op": "update", "collection": "webhooks", "id": webhook["id"], "set": {"status": -1}}
    httpx.post(f"{site.url}/_sandbox/mutate", json=[change]).raise_for_status()
    assert "off, after errors" in site.shell.here("webhooks", "list").stdout
    done = site.shell.here("webhooks", "register", URL, "--yes")
    assert done.returncode == 0
    assert [each["status"] for each in site.ours()] == [1]


@pytest.mark.parametrize("command", [["register", URL], ["remove", "--all-of-url", URL]])
def test_without_a_terminal_and_without_yes_nothing_is_changed(site: Site, command: list[str]) -> None:
    site.api("POST", "webhooks", {"target_hook_url": URL, "event_type": "email_sent"})
    done = site.shell.run("webhooks", *command)
    assert done.returncode == 2
    assert f"webhooks {command[0]} {' '.join(command[1:])}" in done.stderr
    assert "--yes" in done.stderr
    assert [each["event_type"] for each in site.ours()] == ["email_sent"]


@pytest.mark.parametrize(
    ("answer", "code", "registered"), [(b"y\n", 0, ["all_events"]), (b"n\n", 1, []), (b"\n", 1, [])]
)
def test_on_a_terminal_it_asks_first(site: Site, answer: bytes, code: int, registered: list[str]) -> None:
    ours, theirs = pty.openpty()
    command = site.shell.start_command("webhooks", "register", URL)
    with subprocess.Popen(command, env=site.shell.environment, stdin=theirs, stdout=subprocess.PIPE) as asked:
        os.write(ours, answer)
        said, _ = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert f"a new webhook: all events -> {URL}".encode() in said
    assert (b"Nothing was changed" in said) == (code == 1)
    assert asked.returncode == code
    assert [each["event_type"] for each in site.ours()] == registered


def test_it_lists_webhooks_without_secrets(site: Site) -> None:
    site.api("POST", "webhooks", {"target_hook_url": f"{URL}?token=abcdef", "event_type": "email_sent",
                                  "headers": {"X-Webhook-Secret": SECRET}})  # fmt: skip
    done = site.shell.here("webhooks", "list")
    assert done.returncode == 0
    assert f"{URL}?[query]" in done.stdout
    assert "email_sent" in done.stdout
    assert "abcdef" not in done.stdout
    assert SECRET not in done.stdout


def test_it_removes_one_by_its_id_and_all_of_an_address(site: Site) -> None:
    site.shell.here("webhooks", "register", URL, "--events", "email_sent,email_opened,reply_received", "--yes")
    one = site.ours()[0]
    others = len(site.api("GET", "webhooks?limit=100")["items"]) - 3
    assert f"Deleted: {one['id']}" in site.shell.here("webhooks", "remove", one["id"], "--yes").stdout
    assert one["id"] not in [each["id"] for each in site.ours()]
    assert site.shell.here("webhooks", "remove", "--all-of-url", URL, "--yes").stdout.count("Deleted: ") == 2
    assert len(site.api("GET", "webhooks?limit=100")["items"]) == others
    assert "Nothing sends" in site.shell.here("webhooks", "remove", "--all-of-url", URL, "--yes").stdout


def test_removing_an_unknown_id_ends_with_2(site: Site) -> None:
    done = site.shell.here("webhooks", "remove", "0199f500-0000-7000-8000-000000000001", "--yes")
    assert done.returncode == 2
    assert "There is no webhook 0199f500-0000-7000-8000-000000000001 in default" in done.stderr


def test_a_key_that_may_only_read_is_told_which_scope_it_lacks(site: Site) -> None:
    httpx.post(f"{site.url}/_sandbox/switches", json={"key_scopes": {site.key: ["all:read"]}}).raise_for_status()
    done = site.shell.here("webhooks", "register", URL, "--yes")
    assert done.returncode == 2
    assert "webhooks:create" in done.stderr
    assert site.ours() == []


def test_what_is_registered_arrives_at_the_receiver_with_the_secret(site: Site, tmp_path: Path) -> None:
    with served(tmp_path / "data", secret=SECRET) as receiver:
        address = receiver.url + PATH
        assert site.shell.here("webhooks", "register", address, "--yes").returncode == 0
        (webhook,) = [each for each in site.api("GET", "webhooks")["items"] if each["target_hook_url"] == address]
        site.api("POST", f"webhooks/{webhook['id']}/test")
        (event,) = receiver.stored()
        assert b'"email_sent"' in event.body
        assert receiver.health().json()["refused"] == 0


@pytest.mark.parametrize(("address", "said"), [
    ("http://hooks.example.com/in", "https://"), ("hooks.example.com", "not an address"), ("ftp://x.example", "not an"),
    ("https://user:pw@hooks.example.com/", "not an address"), ("https://", "not an address"),
])  # fmt: skip
def test_an_address_that_would_not_do_is_told_before_anything_is_sent(shell: Shell, address: str, said: str) -> None:
    given = {"INSTANTLY_API_KEY": "k", "INSTANTLY_WEBHOOK_SECRET": SECRET, "INSTANTLY_BASE_URL": "http://127.0.0.1:1"}
    done = shell.here("webhooks", "register", address, "--yes", **given)
    assert done.returncode == 2
    assert said in done.stderr
    assert "pw" not in done.stderr


def test_without_the_secret_nothing_is_registered(shell: Shell) -> None:
    done = shell.here("webhooks", "register", URL, "--yes", INSTANTLY_API_KEY="k")
    assert done.returncode == 2
    assert "INSTANTLY_WEBHOOK_SECRET" in done.stderr


def test_with_several_workspaces_one_has_to_be_named(shell: Shell) -> None:
    given = {"INSTANTLY_API_KEYS": '{"acme": "k1", "globex": "k2"}', "INSTANTLY_WEBHOOK_SECRET": SECRET}
    done = shell.here("webhooks", "register", URL, "--yes", **given)
    assert done.returncode == 2
    assert "acme, globex" in done.stderr
    unknown = shell.here("webhooks", "register", URL, "--workspace", "initech", "--yes", **given)
    assert unknown.returncode == 2
    assert "'initech'" in unknown.stderr


@pytest.mark.parametrize("args", [[], ["some-id", "--all-of-url", URL]])
def test_remove_needs_an_id_or_an_address(shell: Shell, args: list[str]) -> None:
    done = shell.here("webhooks", "remove", *args, INSTANTLY_API_KEY="k")
    assert done.returncode == 2
    assert "--all-of-url" in done.stderr


def test_it_says_how_many_received_events_wait_and_drops_them_once_asked(tmp_path: Path) -> None:
    shell, theirs = Shell(tmp_path), "0199f500-0000-7000-8000-000000000001"
    data_dir = shell.data_dir
    receive(data_dir, {"event_type": "email_sent", "workspace": theirs}, {"event_type": "reply", "workspace": theirs})
    sort_inbox(Layout(data_dir))
    asked = shell.run("webhooks", "drop", "--workspace", theirs)
    assert asked.returncode == 2
    assert "To be deleted: 2 events" in asked.stdout
    assert f"webhooks drop --workspace {theirs} --yes" in asked.stderr
    assert inbox_files(data_dir) != []
    done = shell.run("webhooks", "drop", "--workspace", theirs, "--yes")
    assert (done.returncode, inbox_files(data_dir)) == (0, [])
    again = shell.run("webhooks", "drop", "--workspace", theirs, "--yes")
    assert again.returncode == 2
    assert "There are events of: none" in again.stderr

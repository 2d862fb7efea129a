"""An event that was answered 200 is in the inbox, whatever happens to the receiver or the disk."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import time
from pathlib import Path

import aiohttp
import httpx
import pytest

from instantly_pipeline.lake.inbox import closed_segments, read_segment
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.sync.events.intake import sort_inbox
from tests.receiver.served import PATH, SECRET, Served, served
from tests.receiver.test_answers import event


class Senders:
    """Clients that send events as fast as they are answered; `answered` has those that were answered 200."""

    def __init__(self, receiver: Served, run: int) -> None:
        self.answered: set[bytes] = set()
        self._receiver = receiver
        self._run = run
        self._sent = 0
        self._first = asyncio.Event()

    async def send_and_kill(self, seconds: float) -> None:
        """Send with twenty clients; kill the receiver some seconds after its first answer."""
        async with aiohttp.ClientSession(headers=self._receiver.headers) as session:
            sending = asyncio.gather(*(self._send(session) for _ in range(20)))
            await self._first.wait()
            await asyncio.sleep(seconds)
            self._receiver.process.kill()
            await sending

    async def _send(self, session: aiohttp.ClientSession) -> None:
        while True:
            self._sent += 1
            body = json.dumps(event() | {"email_id": f"{self._run}-{self._sent}"}).encode()
            try:
                async with session.post(self._receiver.url + PATH, data=body) as answer:
                    assert answer.status == 200
                    self.answered.add(body)
                    self._first.set()
            except aiohttp.ClientError:
                return


@pytest.mark.whole
def test_killed_at_any_moment_under_load_it_has_every_event_that_it_answered(tmp_path: Path) -> None:
    data_dir, answered = tmp_path / "data", set[bytes]()
    for run, seconds in enumerate((0.0, 0.05, 0.1, 0.2, 0.4, 0.8)):
        with served(data_dir) as receiver:
            senders = Senders(receiver, run)
            asyncio.run(senders.send_and_kill(seconds))
            answered |= senders.answered
    stored = [each.body for path in closed_segments(Layout(data_dir)) for each in read_segment(path)]
    assert len(answered) > 100
    assert answered - set(stored) == set()
    assert len(stored) == len(set(stored))
    assert {json.loads(body)["event_type"] for body in stored} == {"reply_received"}  # all of them are whole


@pytest.mark.medium
def test_on_a_full_disk_it_is_503_until_there_is_room_again(tmp_path: Path) -> None:
    with served(tmp_path / "data") as receiver:
        assert receiver.post(event()).status_code == 200
        pid, unlimited = receiver.process.pid, resource.RLIM_INFINITY
        resource.prlimit(
            pid, resource.RLIMIT_FSIZE, (100, unlimited)
        )  # no file grows: as the kernel does when it is full
        refused = [receiver.post(event()) for _ in range(3)]
        failing = receiver.health()
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        accepted = [receiver.post(event()) for _ in range(3)]
        assert [each.status_code for each in refused + accepted] == [503] * 3 + [200] * 3
        assert refused[0].headers["retry-after"]
        assert failing.status_code == 503
        assert str(receiver.layout.inbox) in failing.json()["problem"]
        assert len(receiver.stored()) == 4
        time.sleep(1.1)  # a health that was asked for a second ago is told again
        assert receiver.health().status_code == 200
        assert receiver.end()[0] == 0
        assert len(receiver.stored()) == 4


@pytest.mark.medium
def test_a_client_that_is_answered_503_can_go_on_at_once_on_its_connection(tmp_path: Path) -> None:
    with served(tmp_path / "data") as receiver, httpx.Client(headers=receiver.headers, timeout=20) as client:
        resource.prlimit(receiver.process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        began = time.monotonic()
        answers = [client.post(receiver.url + PATH, json=event()) for _ in range(6)]
        assert [each.status_code for each in answers] == [503] * 6
        assert time.monotonic() - began < 8  # the rest of a refused body would be waited for two seconds each time


@pytest.mark.medium
def test_on_sigterm_it_stores_and_answers_what_it_accepted_and_ends_with_0(tmp_path: Path) -> None:
    with served(tmp_path / "data") as receiver:
        body = json.dumps(event()).encode()
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as client:
            head = (
                f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Webhook-Secret: {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            client.sendall(head.encode() + body[:50])
            time.sleep(0.3)
            receiver.process.terminate()
            time.sleep(0.3)
            client.sendall(body[50:])
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        code, said = receiver.end()
        assert code == 0
        assert "1 received" in said
        assert [each.body for path in closed_segments(receiver.layout) for each in read_segment(path)] == [body]


@pytest.mark.medium
def test_an_event_can_be_taken_in_soon_after_it_came_and_all_are_taken_by_a_sync(tmp_path: Path) -> None:
    with served(tmp_path / "data") as receiver:
        receiver.post(event())
        until = time.monotonic() + 10
        while not closed_segments(receiver.layout) and time.monotonic() < until:
            time.sleep(0.05)
        assert len(closed_segments(receiver.layout)) == 1
        assert receiver.post(event()).status_code == 200
        time.sleep(2.5)
        assert len(closed_segments(receiver.layout)) == 1  # nobody took the first: the second goes on
        assert sort_inbox(receiver.layout)
        assert receiver.stored() == []


@pytest.mark.medium
def test_two_receivers_share_a_data_directory(tmp_path: Path) -> None:
    with served(tmp_path / "data") as one, served(tmp_path / "data") as other:
        for _ in range(5):
            assert one.post(event()).status_code == other.post(event()).status_code == 200
        assert one.end()[0] == 0
        assert other.post(event()).status_code == 200
        assert other.end()[0] == 0
        assert len([each for path in closed_segments(one.layout) for each in read_segment(path)]) == 11


@pytest.mark.medium
def test_nothing_of_an_event_and_no_secret_is_in_what_it_says(tmp_path: Path) -> None:
    with served(tmp_path / "data") as receiver:
        receiver.post(event())
        receiver.post(b"bo@clinic.example")
        httpx.post(f"{receiver.url}/bo@clinic.example?lead=bo@clinic.example")
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as client:
            client.sendall(b"bo@clinic.example\r\n\r\n")
            client.recv(1000)
        _, said = receiver.end()
        assert "1 received, 1 kept aside" in said
        assert "clinic" not in said
        assert SECRET not in said

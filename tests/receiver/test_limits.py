"""Clients that are slow, many or endless, with shorter limits than those of `webhooks serve`."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.receiver import body as body_limits
from instantly_pipeline.receiver.address import PATH
from instantly_pipeline.receiver.app import Receiver
from instantly_pipeline.receiver.body import BodyReader
from instantly_pipeline.receiver.commit import GroupCommit
from instantly_pipeline.receiver.health import Health
from instantly_pipeline.receiver.protocol import Protocol
from instantly_pipeline.receiver.rate import TokenBucket
from instantly_pipeline.receiver.server import Server, config, report

pytestmark = pytest.mark.medium

EVENT = b'{"event_type": "email_sent"}'


class Hurried(Protocol):
    request_seconds = 0.5
    head_bytes = 5_000
    max_connections = 5


@contextmanager
def serving(data_dir: Path, bodies: BodyReader | None = None, protocol: type[Protocol] = Hurried) -> Iterator[int]:
    """A receiver in a thread; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    started: list[Server] = []

    async def serve() -> None:
        layout = Layout(data_dir)
        async with GroupCommit(layout) as commit:
            receiver = Receiver(commit, Health(commit, layout), secret=None, rate=TokenBucket(1e6),
                                bodies=bodies)  # fmt: skip
            server = Threaded(config(receiver, protocol), lambda: None)
            started.append(server)
            await server.serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        started[0].should_exit = True
        thread.join(20)


class Threaded(Server):
    """Signals are the main thread's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        yield client


def read_answers(client: socket.socket, count: int) -> None:
    """Read so many answers to events, all 200, to their ends."""
    found = b""
    while found.count(b"}") < count:
        part = client.recv(100_000)
        assert part
        found += part
    assert found.count(b"HTTP/1.1 200") == count


def seconds_until_closed(client: socket.socket, drip: bytes = b"") -> float:
    """How long the server keeps a connection on which a byte comes now and then."""
    began = time.monotonic()
    client.settimeout(0.1)
    while time.monotonic() - began < 10:
        try:
            if drip:
                client.sendall(drip)
            if client.recv(1000) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize("drip", [b"", b"X-A: b\r\n"])
def test_a_head_that_does_not_end_is_cut_off(tmp_path: Path, drip: bytes) -> None:
    with serving(tmp_path / "data") as port, connected(port) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\n".encode())
        assert 0.3 < seconds_until_closed(client, drip) < 5


def test_a_connection_that_says_nothing_is_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as port, connected(port) as client:
        assert 0.3 < seconds_until_closed(client) < 5


def test_a_large_head_is_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as port, connected(port) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nX-A: {'b' * 10_000}".encode())
        assert seconds_until_closed(client) < 0.4


def test_a_body_that_drips_is_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as port, connected(port) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
        assert 0.3 < seconds_until_closed(client, b" ") < 5


def test_too_many_connections_are_503_and_the_others_go_on(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as port, httpx.Client() as client:
        url = f"http://127.0.0.1:{port}"
        assert client.get(f"{url}/healthz").status_code == 200
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
        assert httpx.post(url + PATH, content=EVENT).status_code == 503
        assert client.post(url + PATH, content=EVENT).status_code == 200
        for each in idle:
            each.close()
        time.sleep(0.2)
        assert httpx.post(url + PATH, content=EVENT).status_code == 200


def test_bodies_that_together_take_too_much_memory_are_503(tmp_path: Path) -> None:
    bodies = BodyReader()
    with serving(tmp_path / "data", bodies) as port:
        bodies.held += body_limits.MAX_HELD - 10
        assert httpx.post(f"http://127.0.0.1:{port}{PATH}", content=EVENT).status_code == 503
        bodies.held = 0
        assert httpx.post(f"http://127.0.0.1:{port}{PATH}", content=EVENT).status_code == 200
        assert bodies.held == 0


def test_a_client_that_leaves_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    bodies = BodyReader()
    with serving(tmp_path / "data", bodies) as port:
        with connected(port) as client:
            client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + EVENT)
            time.sleep(0.2)
            assert bodies.held == len(EVENT)
        time.sleep(0.2)
        assert bodies.held == 0
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").json()["received"] == 0


def test_pipelined_events_are_all_stored(tmp_path: Path) -> None:
    with serving(tmp_path / "data", protocol=Protocol) as port, connected(port) as client:
        for number in range(20):
            body = b'{"event_type": "email_sent", "n": %d}' % number
            client.sendall(
                b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (PATH.encode(), len(body), body)
            )
        read_answers(client, 20)


def test_a_request_that_follows_before_the_answer_may_take_its_time(tmp_path: Path) -> None:
    with serving(tmp_path / "data", protocol=Protocol) as port, connected(port) as client:
        whole = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (PATH.encode(), len(EVENT), EVENT)
        client.sendall(whole + whole[:-5])
        read_answers(client, 1)
        client.sendall(whole[-5:])
        read_answers(client, 1)


def test_the_bucket_fills_up_to_a_second() -> None:
    now = 0.0
    bucket = TokenBucket(3, monotonic=lambda: now)
    assert [bucket.take() for _ in range(5)] == [True] * 3 + [False] * 2
    now = 0.4
    assert [bucket.take() for _ in range(2)] == [True, False]
    now = 1000.0
    assert [bucket.take() for _ in range(5)] == [True] * 3 + [False] * 2


def test_counts_are_said_once_a_minute_if_anything_came(tmp_path: Path) -> None:
    said: list[str] = []

    class Over(Exception):
        pass

    async def main() -> None:
        layout = Layout(tmp_path / "data")
        async with GroupCommit(layout) as commit:
            receiver = Receiver(commit, Health(commit, layout), secret=None, rate=TokenBucket(1e6))
            events = iter([False, True, False, True, None])

            async def sleep(seconds: float) -> None:
                assert seconds == 60
                came = next(events)
                if came is None:
                    raise Over
                if came:
                    receiver.counts["received"] += 1
                    receiver.refused[401] += 1

            with pytest.raises(Over):
                await report(receiver, said.append, sleep)

    asyncio.run(main())
    assert said == [
        "1 received, 0 kept aside, 0 duplicates, 1 refused (401: 1).",
        "2 received, 0 kept aside, 0 duplicates, 2 refused (401: 2).",
    ]

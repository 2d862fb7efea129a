"""What goes wrong on the wire is survived, or told in a sentence."""

from __future__ import annotations

import gzip
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from instantly_pipeline.api.client import Timeouts
from instantly_pipeline.api.retry import CannotConnect
from instantly_pipeline.errors import ConnectionFault, Exhausted

from .fakes import FakeClock, client_of, run
from .server import Reply, Server, Wire

SHORT = Timeouts(connect=0.2, read=0.1, write=0.2, pool=0.2, total=0.2)


@pytest.mark.parametrize("wire", list(Wire))
def test_the_next_try_gets_the_answer(wire: Wire) -> None:
    async def main() -> object:
        async with Server(Reply(b'{"a"', wire=wire), Reply({"a": 1})) as server:
            async with client_of(server, timeouts=SHORT) as client:
                answer = await client.get("/api/v2/x")
            assert len(server.requests) == 2
            return answer

    assert run(main()) == {"a": 1}


@pytest.mark.parametrize("wire", list(Wire))
def test_a_fault_that_stays_is_given_up_as_a_broken_connection(wire: Wire) -> None:
    async def main() -> BaseException | None:
        async with Server(Reply(b'{"a"', wire=wire)) as server, client_of(server, timeouts=SHORT) as client:
            with pytest.raises(Exhausted) as caught:
                await client.get("/api/v2/x")
            assert len(server.requests) == 8
            return caught.value.__cause__

    assert type(run(main())) is ConnectionFault


def test_a_compressed_body_is_read_and_a_broken_one_is_a_broken_connection() -> None:
    async def main() -> object:
        zipped = {"content-encoding": "gzip"}
        replies = Reply(b"no gzip", headers=zipped), Reply(gzip.compress(b'{"a": 1}'), headers=zipped)
        async with Server(*replies) as server, client_of(server) as client:
            return await client.get("/api/v2/x")

    assert run(main()) == {"a": 1}


def given_up(url: str, **options: Any) -> tuple[Exhausted, FakeClock]:
    """How a client ends that asks a server at this address."""
    clock = FakeClock()

    async def main() -> Exhausted:
        async with client_of(url, clock, **options) as client:
            with pytest.raises(Exhausted) as caught:
                await client.get("/api/v2/x")
            return caught.value

    return run(main()), clock


def test_without_a_network_it_gives_up_soon_and_says_what_to_check() -> None:
    async def free_port() -> int:
        async with Server(Reply({})) as server:
            return server.port

    error, clock = given_up(f"http://127.0.0.1:{run(free_port())}")
    assert type(error.__cause__) is CannotConnect
    assert "after 3 tries" in str(error)
    assert "cannot reach 127.0.0.1:" in str(error)
    assert "Check the network or INSTANTLY_BASE_URL" in str(error)
    assert clock.monotonic() < 10


def test_a_host_that_does_not_exist_is_named() -> None:
    async def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)

    error, _ = given_up("https://api.nowhere.example", transport=httpx.MockTransport(fail))
    assert "cannot reach api.nowhere.example: [Errno -2] Name or service not known" in str(error)


def test_once_the_server_was_reached_a_lost_network_gets_the_whole_budget() -> None:
    asked = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            return httpx.Response(200, json={})
        raise httpx.ConnectError("unreachable", request=request)

    async def main() -> None:
        async with client_of("https://api.example", transport=httpx.MockTransport(answer)) as client:
            await client.get("/api/v2/x")
            with pytest.raises(Exhausted):
                await client.get("/api/v2/x")

    run(main())
    assert asked == 1 + 8


def test_a_certificate_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    try:
        subprocess.run([*openssl, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def main() -> Exhausted:
        async with (
            Server(Reply({}), tls=context) as server,
            client_of(f"https://localhost:{server.port}") as client,
        ):
            with pytest.raises(Exhausted) as caught:
                await client.get("/api/v2/x")
            return caught.value

    error = run(main())
    assert type(error.__cause__) is CannotConnect
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)

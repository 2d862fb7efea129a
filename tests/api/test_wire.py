"""What goes wrong on the wire is survived, or reported in a sentence."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from instantly_pipeline.api.client import Timeouts
from instantly_pipeline.api.receive import MAX_BYTES, MAX_VALUES
from instantly_pipeline.api.retry import CannotConnect, RetryPolicy
from instantly_pipeline.errors import BadBody, ConnectionFault, Exhausted, KeyRejected, NotFound

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


@pytest.mark.medium
@pytest.mark.parametrize("wire", list(Wire))
def test_a_fault_that_stays_is_given_up_as_a_broken_connection(wire: Wire) -> None:
    async def main() -> BaseException | None:
        timeouts = Timeouts() if wire is Wire.CHUNKS else SHORT  # 32 MB of chunks take a busy machine a while
        async with Server(Reply(b'{"a"', wire=wire)) as server, client_of(server, timeouts=timeouts) as client:
            with pytest.raises(Exhausted) as caught:
                await client.get("/api/v2/x")
            assert len(server.requests) == 8
            return caught.value.__cause__

    assert type(run(main())) is (BadBody if wire is Wire.CHUNKS else ConnectionFault)


@cache
def packed(kind: str) -> bytes:
    """A hundred megabytes of zeros in a hundredth of that."""
    packer = zlib.compressobj(1, wbits=31 if kind == "gzip" else 15)
    return packer.compress(bytes(3 * MAX_BYTES)) + packer.flush()


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_small_body_that_unpacks_to_a_large_one_is_refused_with_the_limit(kind: str) -> None:
    async def main() -> Exhausted:
        bomb = Reply(packed(kind), headers={"content-encoding": kind})
        async with Server(bomb) as server, client_of(server, retry=RetryPolicy(tries=2)) as client:
            with pytest.raises(Exhausted) as caught:
                await client.get("/api/v2/x")
            assert len(server.requests) == 2
            return caught.value

    error = run(main())
    assert type(error.__cause__) is BadBody
    assert "larger than 32 MB, the limit for one answer" in str(error)


def test_a_small_body_of_more_values_than_memory_should_hold_64_times_is_refused() -> None:
    async def main() -> Exhausted:
        bomb = Reply(gzip.compress(b"[" + b"{}," * MAX_VALUES + b"{}]"), headers={"content-encoding": "gzip"})
        async with Server(bomb) as server, client_of(server, retry=RetryPolicy(tries=1)) as client:
            with pytest.raises(Exhausted) as caught:
                await client.get("/api/v2/x")
            return caught.value

    assert "more than 1,048,576 values, the limit for one answer" in str(run(main()))


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(b'{"a"') + gzip.compress(b": ") + gzip.compress(b"1}")), ("deflate", bare(b'{"a": 1}')),
     ("gzip", gzip.compress(b'{"a": 1}') + bytes(512))],
    ids=["several parts", "without a header", "padded"],
)  # fmt: skip
def test_a_body_is_unpacked_as_servers_pack_it(encoding: str, body: bytes) -> None:
    async def main() -> object:
        packed = {"content-encoding": encoding}
        async with Server(Reply(body, headers=packed)) as server, client_of(server) as client:
            assert await client.get("/api/v2/x") == {"a": 1}
            assert len(server.requests) == 1

    run(main())


def test_parts_that_unpack_to_too_much_together_are_refused() -> None:
    async def main() -> BaseException | None:
        bomb = Reply(gzip.compress(b"{}") + packed("gzip"), headers={"content-encoding": "gzip"})
        async with Server(bomb) as server, client_of(server, retry=RetryPolicy(tries=1)) as client:
            with pytest.raises(Exhausted, match="larger than 32 MB") as caught:
                await client.get("/api/v2/x")
            return caught.value.__cause__

    assert type(run(main())) is BadBody


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip,gzip,gzip"])
def test_what_was_not_asked_for_is_not_unpacked(encoding: str) -> None:
    async def main() -> object:
        odd = Reply(gzip.compress(gzip.compress(b"{}")), headers={"content-encoding": encoding})
        async with Server(odd, Reply({"a": 1})) as server, client_of(server) as client:
            answer = await client.get("/api/v2/x")
            assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"
            assert len(server.requests) == 2
            return answer

    assert run(main()) == {"a": 1}


def test_a_large_page_is_read_and_a_few_at_once_too() -> None:
    big = {"items": [{"id": "x", "text": "y" * (3 * 2**20)}]}

    async def main() -> list[object]:
        async with Server(Reply(big)) as server, client_of(server) as client:
            return list(await asyncio.gather(*(client.get("/api/v2/x") for _ in range(4))))

    assert run(main()) == [big] * 4


def test_a_length_beyond_the_limit_is_refused_before_anything_is_read() -> None:
    async def main() -> object:
        lie = Reply(b"{}", headers={"content-length": str(10**12)})
        async with Server(lie, Reply({"a": 1})) as server, client_of(server) as client:
            return await client.get("/api/v2/x")

    assert run(main()) == {"a": 1}


@pytest.mark.medium
@pytest.mark.parametrize("wire", [Wire.DRIP, Wire.CHUNKS, Wire.TRUNCATE])
def test_an_errors_body_that_never_ends_does_not_hide_its_status(wire: Wire) -> None:
    async def main() -> None:
        async with Server(Reply(b'{"message": "no"', 401, wire=wire)) as server, client_of(server) as client:
            with pytest.raises(KeyRejected):
                await client.get("/api/v2/x")
            assert len(server.requests) == 1
            assert client.stats.bytes_received < 2**20

    run(main())


def test_an_errors_packed_body_is_unpacked_a_little_way() -> None:
    async def main() -> str:
        bomb = Reply(packed("gzip"), 404, {"content-encoding": "gzip"})
        said = Reply(gzip.compress(b'{"message": "no such thing"}'), 404, {"content-encoding": "gzip"})
        async with Server(bomb, said) as server, client_of(server) as client:
            with pytest.raises(NotFound):
                await client.get("/api/v2/x")
            with pytest.raises(NotFound) as caught:
                await client.get("/api/v2/x")
            return str(caught.value)

    assert "no such thing" in run(main())


def test_a_packed_body_that_ends_too_soon_is_a_broken_connection() -> None:
    async def main() -> object:
        half = Reply(gzip.compress(b'{"a": 1, "b": 2}')[:-9], headers={"content-encoding": "gzip"})
        async with Server(half) as server, client_of(server) as client:
            with pytest.raises(Exhausted) as caught:
                await client.get("/api/v2/x")
            return type(caught.value.__cause__)

    assert run(main()) is ConnectionFault


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


def test_a_certificate_that_is_not_trusted_is_reported(tmp_path: Path) -> None:
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

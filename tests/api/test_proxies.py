"""The proxies of the environment: SOCKS too, NO_PROXY, and what is said where the package for SOCKS is missing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from instantly_pipeline.api.connection import Timeouts, open_http, parse_origin

from .fakes import KEY, run
from .server import Reply, Server

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Socks:
    """A SOCKS5 server (RFC 1928) without authentication, to which every address is the same one of loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.asked: list[tuple[str, int]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        *_, length = await reader.readexactly(5)  # version, connect, reserved, a name, its length
        name = (await reader.readexactly(length)).decode()
        self.asked.append((name, int.from_bytes(await reader.readexactly(2), "big")))
        from_there, to_there = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await asyncio.gather(_pass_on(reader, to_there), _pass_on(from_there, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def socks_before(server: Server) -> AsyncIterator[tuple[str, Socks]]:
    """The address of a SOCKS server, and what it was asked for."""
    socks = Socks(server.port)
    listening = await asyncio.start_server(socks.serve, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}", socks


async def status_of(address: str) -> int:
    url = parse_origin(address)
    async with open_http(url, KEY, transport=None, timeouts=Timeouts(), concurrency=1) as http:
        return (await http.get(f"{url}/api/v2/x")).status_code


@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTP_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str) -> None:
    async def main() -> tuple[int, list[tuple[str, int]]]:
        async with Server(Reply({})) as server, socks_before(server) as (address, socks):
            monkeypatch.setenv(variable, f"{scheme}://{address}")
            return await status_of("http://api.example"), socks.asked

    assert run(main()) == (200, [("api.example", 80)])


@pytest.mark.parametrize("exception", ["127.0.0.1", "api.example,127.0.0.1"])
def test_loopback_goes_through_no_socks_proxy(monkeypatch: pytest.MonkeyPatch, exception: str) -> None:
    async def main() -> tuple[int, list[tuple[str, int]]]:
        async with Server(Reply({})) as server, socks_before(server) as (address, socks):
            monkeypatch.setenv("ALL_PROXY", f"socks5://{address}")
            monkeypatch.setenv("NO_PROXY", exception)
            return await status_of(server.url), socks.asked

    assert run(main()) == (200, [])


def test_what_no_proxy_names_is_reached_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> list[tuple[str, int]]:
        async with Server(Reply({})) as server, socks_before(server) as (address, socks):
            monkeypatch.setenv("ALL_PROXY", f"socks5://{address}")
            monkeypatch.setenv("NO_PROXY", "localhost.localdomain")
            with suppress(httpx.ConnectError):  # whether that name is known here or not
                await status_of(f"http://localhost.localdomain:{server.port}")
            return socks.asked

    assert run(main()) == []


WITHOUT = """
import sys
sys.modules["socksio"] = None
from instantly_pipeline.api.connection import Timeouts, open_http, parse_origin
from instantly_pipeline.errors import UsageError
try:
    open_http(parse_origin("https://api.example"), "key", transport=None, timeouts=Timeouts(), concurrency=1)
except UsageError as error:
    print(error)
"""


@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY"])
def test_without_the_package_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "socks5://user:secret-word@127.0.0.1:9")
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert "names a SOCKS proxy" in said
    assert "pip install -e '.[socks]'" in said
    assert "secret-word" not in said

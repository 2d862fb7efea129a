"""What goes over the wire, and where it does not go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from instantly_pipeline import __version__
from instantly_pipeline.api.client import Timeouts, count_requests
from instantly_pipeline.api.connection import open_http, parse_origin
from instantly_pipeline.errors import BadRequest, UsageError

from .fakes import KEY, client_of, run
from .server import Reply, Request, Server, page


def only_request(path: str, **how: object) -> Request:
    """What one call sends; `how` holds `params` or `body`."""

    async def main() -> Request:
        async with Server(Reply({})) as server, client_of(server) as client:
            if "body" in how:
                await client.post(path, how["body"])  # type: ignore[arg-type]
            else:
                await client.get(path, how.get("params"))  # type: ignore[arg-type]
            return server.requests[0]

    return run(main())


def test_the_key_and_the_products_own_name_are_sent() -> None:
    request = only_request("/api/v2/workspaces/current")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"] == f"instantly-pipeline/{__version__}"


def test_a_parameter_with_several_values_is_repeated() -> None:
    request = only_request("/api/v2/campaigns/analytics", params={"ids": ["a", "b"], "x": "1"})
    assert request.query == [("ids", "a"), ("ids", "b"), ("x", "1")]


def test_a_parameter_is_percent_encoded_whatever_it_holds() -> None:
    value = "2026-01-01T00:00:00.000Z&jon+x@doe.example=1/ä%26 #"
    request = only_request("/api/v2/accounts", params={"starting_after": value})
    assert request.query == [("starting_after", value)]
    assert request.target.endswith("%26jon%2Bx%40doe.example%3D1%2F%C3%A4%2526%20%23")


def test_a_body_is_sent_as_json() -> None:
    request = only_request("/api/v2/leads/list", body={"ids": ["a"], "distinct": True})
    assert (request.method, request.json) == ("POST", {"ids": ["a"], "distinct": True})
    assert request.headers["content-type"] == "application/json"


def test_the_decoded_json_comes_back_whatever_its_kind() -> None:
    async def main() -> list[object]:
        async with (
            Server(Reply({"id": 1}), Reply([1, 2]), Reply(b"null")) as server,
            client_of(server) as client,
        ):
            return [await client.get("/api/v2/x") for _ in range(3)]

    assert run(main()) == [{"id": 1}, [1, 2], None]


def test_a_redirect_is_not_followed_and_the_error_names_the_setting() -> None:
    async def main() -> list[Request]:
        async with Server(Reply({})) as elsewhere:
            away = Reply(b"", 302, {"location": f"{elsewhere.url}/api/v2/x"})
            async with Server(away) as server, client_of(server) as client:
                with pytest.raises(BadRequest, match="INSTANTLY_BASE_URL"):
                    await client.get("/api/v2/x")
                assert len(server.requests) == 1
            return elsewhere.requests

    assert run(main()) == []


def test_a_netrc_file_does_not_replace_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\ndefault login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert only_request("/api/v2/x").headers["authorization"] == f"Bearer {KEY}"


def test_a_user_in_the_address_does_not_replace_the_key() -> None:
    async def main() -> str:
        async with (
            Server(Reply({})) as server,
            client_of(f"http://other:other@127.0.0.1:{server.port}") as client,
        ):
            await client.get("/api/v2/x")
            return server.requests[0].headers["authorization"]

    assert run(main()) == f"Bearer {KEY}"


def test_loopback_does_not_go_through_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert only_request("/api/v2/x").path == "/api/v2/x"


def test_the_real_api_is_reached_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> list[Request]:
        async with Server(Reply(b"", 502)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            url = parse_origin("https://api.example")
            http = open_http(url, KEY, transport=None, timeouts=Timeouts(), concurrency=1)
            async with http:
                with pytest.raises(httpx.ProxyError):
                    await http.get(f"{url}/api/v2/x")
            return proxy.requests

    (request,) = run(main())
    assert (request.method, request.target) == ("CONNECT", "api.example:443")
    assert "authorization" not in request.headers


def test_a_proxy_setting_that_cannot_be_used_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://user:secret-word@proxy")
    with pytest.raises(UsageError, match="HTTPS_PROXY") as caught:
        open_http(parse_origin("https://api.example"), KEY, transport=None, timeouts=Timeouts(), concurrency=1)
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "api.instantly.ai", "ftp://api.example", "https://", "http://a:b"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    async def main() -> None:
        async with client_of(url):
            pass

    with pytest.raises(UsageError, match="INSTANTLY_BASE_URL"):
        run(main())


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel", "tab\t"])
def test_a_key_that_cannot_be_sent_is_a_usage_error_that_does_not_show_it(key: str) -> None:
    async def main() -> None:
        async with client_of("http://127.0.0.1:9", key=key):
            pass

    with pytest.raises(UsageError, match="INSTANTLY_API_KEY") as caught:
        run(main())
    assert not key or key not in str(caught.value)


def test_a_path_cannot_lead_to_another_host() -> None:
    async def main() -> None:
        async with Server(Reply({})) as server, client_of(server) as client:
            with pytest.raises(ValueError, match="slash"):
                await client.get("@evil.example/api/v2/x")

    run(main())


def test_chains_run_side_by_side_up_to_the_limit_of_connections() -> None:
    async def main() -> tuple[int, int]:
        here, most, everyone = 0, 0, asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            nonlocal here, most
            here += 1
            most = max(most, here)
            if here == 3:
                everyone.set()
            await everyone.wait()  # never passes unless three are under way at once
            here -= 1
            return httpx.Response(200, json={"items": []})

        transport = httpx.MockTransport(answer)
        async with client_of("http://api.example", transport=transport, concurrency=3) as client:

            async def chain() -> int:
                return len([p async for p in client.pages("GET", "/api/v2/campaigns")])

            return sum(await asyncio.gather(*(chain() for _ in range(9)))), most

    assert run(main()) == (9, 3)


def test_the_counters_count() -> None:
    async def main() -> None:
        async with (
            Server(Reply(b"", 500), Reply(b"", 429), page("a")) as server,
            client_of(server) as client,
        ):
            assert [p async for p in client.pages("GET", "/api/v2/campaigns")]
            stats = client.stats
            assert (stats.requests, stats.retries, stats.responses_429) == (3, 2, 1)
            assert stats.seconds_waiting > 0.5
            assert stats.bytes_received == len(page("a").content)

    run(main())


def test_a_task_can_have_its_share_counted_apart() -> None:
    async def main() -> None:
        async with Server(Reply(b"", 429), Reply({})) as server, client_of(server) as client:

            async def stream(calls: int) -> tuple[int, int, int, float]:
                with count_requests() as mine:
                    for _ in range(calls):
                        await client.get("/api/v2/x")
                return mine.requests, mine.retries, mine.responses_429, mine.seconds_waiting

            first, others = await stream(2), await asyncio.gather(stream(3), stream(4))
            assert first[:3] == (3, 1, 1)
            assert first[3] > 0.5
            assert [share[:3] for share in others] == [(3, 0, 0), (4, 0, 0)]
            await client.get("/api/v2/x")
            assert client.stats.requests == 3 + 3 + 4 + 1

    run(main())

"""A write is sent again only where it surely had no effect."""

from __future__ import annotations

import pytest

from instantly_pipeline.api.retry import RetryPolicy
from instantly_pipeline.errors import (
    BadBody,
    BadRequest,
    ConnectionFault,
    Exhausted,
    Forbidden,
    PipelineError,
    Retriable,
    ServerFault,
)

from .fakes import client_of, run
from .server import Reply, Server, Wire, refusal

PATH = "/api/v2/webhooks"


@pytest.mark.parametrize(("reply", "answer"), [
    (Reply({"id": "a"}), {"id": "a"}), (Reply({"id": "a"}, 201), {"id": "a"}),
    (Reply(b"", 204), None), (Reply(b""), None),
])  # fmt: skip
def test_a_write_answers_what_the_server_said(reply: Reply, answer: object) -> None:
    async def main() -> None:
        async with Server(reply) as server, client_of(server) as client:
            assert await client.write("POST", PATH, {"name": "x"}) == answer
            (request,) = server.requests
            assert (request.method, request.path, request.json) == ("POST", PATH, {"name": "x"})

    run(main())


def test_a_delete_has_neither_body_nor_content_type() -> None:
    async def main() -> None:
        async with Server(Reply(b"", 204)) as server, client_of(server) as client:
            await client.write("DELETE", f"{PATH}/a")
            (request,) = server.requests
            assert (request.method, request.content) == ("DELETE", b"")
            assert "content-type" not in {name.lower() for name in request.headers}

    run(main())


@pytest.mark.parametrize(("reply", "error"), [
    (Reply({}, 500), ServerFault), (Reply({}, 502), ServerFault), (Reply({}, 504), ServerFault),
    (Reply(wire=Wire.RESET), ConnectionFault), (Reply(wire=Wire.CLOSE), ConnectionFault),
    (Reply({"id": "a"}, wire=Wire.TRUNCATE), ConnectionFault), (Reply({}, 408), ConnectionFault),
    (Reply(b"<html>"), BadBody),
])  # fmt: skip
def test_after_an_unclear_answer_it_is_not_sent_again(reply: Reply, error: type[PipelineError]) -> None:
    async def main() -> None:
        async with Server(reply) as server, client_of(server) as client:
            with pytest.raises(error):
                await client.write("POST", PATH, {})
            assert len(server.requests) == 1

    run(main())


@pytest.mark.parametrize(("status", "error"), [(400, BadRequest), (403, Forbidden)])
def test_a_refusal_is_no_retriable_error(status: int, error: type[PipelineError]) -> None:
    async def main() -> None:
        async with Server(Reply({"message": "no"}, status)) as server, client_of(server) as client:
            with pytest.raises(error) as raised:
                await client.write("POST", PATH, {})
            assert not isinstance(raised.value, Retriable)
            assert len(server.requests) == 1

    run(main())


def test_after_a_429_it_is_sent_again() -> None:
    async def main() -> None:
        async with Server(refusal(429), Reply({"id": "a"})) as server, client_of(server) as client:
            assert await client.write("POST", PATH, {}) == {"id": "a"}
            assert len(server.requests) == 2

    run(main())


def test_without_a_connection_it_is_tried_again_and_then_surely_not_done() -> None:
    async def main() -> None:
        async with Server(Reply()) as server:
            url = server.url
        async with client_of(url, retry=RetryPolicy(unreached_tries=3)) as client:
            with pytest.raises(Exhausted):
                await client.write("POST", PATH, {})
            assert client.stats.requests == 3

    run(main())

"""Every status and every body of an error becomes the error that says what can be done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from instantly_pipeline.api.faults import requested_wait, status_error, transport_error
from instantly_pipeline.api.retry import CannotConnect
from instantly_pipeline.errors import (
    BadRequest,
    ConnectionFault,
    EdgeBlocked,
    Exhausted,
    Forbidden,
    KeyRejected,
    NotFound,
    PipelineError,
    PlanRequired,
    RateLimited,
    Retriable,
    ServerFault,
    TooLarge,
)

from .fakes import KEY, client_of, run
from .server import Reply, Server, refusal

NOW = datetime(2026, 8, 20, 12, tzinfo=UTC)
A_DAY_ON = NOW + timedelta(days=1)  # the server's clock, where ours is a day behind
HTML = b"<html><head><title>502</title><style>b{}</style></head><body><h1>Bad\n gateway</h1></body></html>"


def asked(reply: Reply) -> tuple[PipelineError, int]:
    """The error a client ends with when the server always answers so, and how often it was asked."""

    async def main() -> tuple[PipelineError, int]:
        async with Server(reply) as server, client_of(server) as client:
            with pytest.raises(PipelineError) as caught:
                await client.get("/api/v2/leads/list", {"search": "ann@clinic.example"})
            return caught.value, len(server.requests)

    return run(main())


def fault(status: int, body: bytes = b"", **headers: str) -> PipelineError:
    named = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return status_error(status, named, body, where="GET /api/v2/x", now=NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, KeyRejected),
        (402, PlanRequired),
        (403, Forbidden),
        (404, NotFound),
        (410, NotFound),
        (405, BadRequest),
        (409, BadRequest),
        (413, TooLarge),
        (418, BadRequest),
        (422, BadRequest),
        (301, BadRequest),
        (307, BadRequest),
    ],
)
def test_what_another_try_would_not_change_is_asked_for_once(status: int, kind: type[PipelineError]) -> None:
    error, tries = asked(refusal(status, "the reason"))
    assert type(error) is kind
    assert "the reason" in str(error)
    assert f"GET /api/v2/leads/list answered {status}" in str(error)
    assert tries == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(429), RateLimited),
        (refusal(500), ServerFault),
        (refusal(502), ServerFault),
        (refusal(503), ServerFault),
        (Reply(HTML, 524), ServerFault),
        (refusal(408), ConnectionFault),
        (Reply(b"error code: 1010", 403), EdgeBlocked),
        (Reply(HTML, 403), EdgeBlocked),
        (Reply(b"", 403), EdgeBlocked),
        (Reply({"error_code": 1010, "title": "Access denied"}, 403), EdgeBlocked),
        (Reply(HTML), PipelineError),
    ],
)
def test_what_may_pass_is_tried_again_until_the_budget_is_spent(reply: Reply, kind: type[PipelineError]) -> None:
    error, tries = asked(reply)
    assert type(error) is Exhausted
    assert isinstance(error.__cause__, kind)
    assert isinstance(error.__cause__, Retriable)
    assert tries > 1
    assert f"after {tries} tries" in str(error)


def test_a_missing_scope_is_no_block_even_if_an_id_holds_the_number_of_one() -> None:
    body = b'{"statusCode":403,"error":"Forbidden","message":"no scope for 0199aaaa-1010-7000-8000-000000001010"}'
    assert type(fault(403, body)) is Forbidden


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"statusCode":400,"error":"Bad Request","message":"querystring/limit must be <= 100"}', "must be <= 100"),
        (
            b'{"error":{"code":"VALIDATION_ERROR","message":"Invalid email format","details":{}}}',
            "Invalid email format",
        ),
        (b'{"error":{"code":"VALIDATION_ERROR"}}', "VALIDATION_ERROR"),
        (b'{"message":"Start Date must be earlier than End Date"}', "Start Date must be earlier"),
        (b'{"error":"Interest value unknown"}', "Interest value unknown"),
        (b"plain   words", "plain words"),
        (HTML, "Bad gateway"),
    ],
)
def test_what_the_server_said_is_shown_whatever_its_shape(body: bytes, said: str) -> None:
    text = str(fault(400, body))
    assert said in text
    assert "<h1>" not in text


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"message":{"a":1}}', b'{"error":null}', b"\xff\xfe", b"{"])
def test_a_body_that_says_nothing_is_no_problem(body: bytes) -> None:
    assert type(fault(404, body)) is NotFound


def test_what_the_server_said_is_cut_short_and_cleaned() -> None:
    said = f"lead ann@clinic.example with {KEY} is wrong " + "x " * 50_000
    text = str(fault(400, said.encode()))
    assert len(text) < 400
    assert "ann@" not in text
    assert "[e-mail]" in text


def test_the_errors_say_what_to_do_next() -> None:
    assert "INSTANTLY_API_KEY" in str(fault(401))
    assert "plan" in str(fault(402))
    assert "all:read" in str(fault(403, b"{}"))
    assert "INSTANTLY_BASE_URL" in str(fault(302))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Thu, 20 Aug 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 20 Aug 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 20 Aug 2026 12:00:30"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, 45.0),
        ({"x-ratelimit-reset": str((int(NOW.timestamp()) + 45) * 1000)}, 45.0),
        ({"x-ratelimit-reset": "45"}, 45.0),
        ({"x-ratelimit-reset": "1628097600"}, None),
        ({"x-ratelimit-reset": "99999999999"}, None),
        ({"x-ratelimit-reset": "-5"}, None),
        ({"x-ratelimit-reset": "45", "x-ratelimit-remaining": "0"}, 45.0),
        ({"x-ratelimit-reset": "45", "x-ratelimit-remaining": "12"}, None),
        ({"retry-after": "1e9"}, None),
        ({"x-ratelimit-reset": "later"}, None),
        ({"ratelimit-reset": "45", "ratelimit-remaining": "0"}, 45.0),
        ({"ratelimit-reset": "45", "ratelimit-remaining": "12"}, None),
        ({"retry-after": "7", "x-ratelimit-reset": "45"}, 7.0),
        ({"date": format_datetime(A_DAY_ON), "x-ratelimit-reset": str(int(A_DAY_ON.timestamp()) + 45)}, 45.0),
        ({"date": format_datetime(A_DAY_ON), "retry-after": format_datetime(A_DAY_ON + timedelta(seconds=9))}, 9.0),
        ({"date": "today", "x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, 45.0),
    ],
)
def test_the_time_a_server_asks_to_wait_is_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert requested_wait(httpx.Headers(headers), now=NOW) == seconds


def test_a_refusal_and_a_busy_server_carry_the_time_asked_for() -> None:
    refused, busy = fault(429, retry_after="9"), fault(503, retry_after="8")
    assert isinstance(refused, RateLimited)
    assert isinstance(busy, ServerFault)
    assert (refused.retry_after, busy.retry_after) == (9.0, 8.0)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (httpx.ConnectError("no"), CannotConnect, "cannot reach api.example: no. Check the network"),
        (httpx.ConnectTimeout(""), CannotConnect, "no answer in time"),
        (httpx.ProxyError("407"), CannotConnect, "INSTANTLY_BASE_URL"),
        (httpx.ReadTimeout(""), ConnectionFault, "GET /x: api.example did not answer in time"),
        (httpx.PoolTimeout(""), ConnectionFault, "in time"),
        (TimeoutError(), ConnectionFault, "in time"),
        (httpx.RemoteProtocolError("cut"), ConnectionFault, r"broke \(RemoteProtocolError: cut\)"),
        (httpx.ReadError(""), ConnectionFault, r"broke \(ReadError\)"),
        (httpx.DecodingError("bad gzip"), ConnectionFault, "bad gzip"),
        (OSError("ann@clinic.example"), ConnectionFault, r"\[e-mail\]"),
    ],
)
def test_a_broken_connection_is_reported_in_a_sentence(error: Exception, kind: type[Any], text: str) -> None:
    with pytest.raises(ConnectionFault, match=text) as caught:
        raise transport_error(error, where="GET /x", host="api.example")
    assert type(caught.value) is kind


def test_the_innermost_reason_is_the_one_that_is_reported() -> None:
    outer = httpx.ConnectError("All connection attempts failed")
    outer.__cause__ = OSError(111, "Connection refused")
    assert "Connection refused" in str(transport_error(outer, where="GET /x", host="api.example"))

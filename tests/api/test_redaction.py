"""No key, e-mail address or query string reaches a message, a log record or a traceback."""

from __future__ import annotations

import asyncio
import base64
import html
import logging
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.api.redaction import excerpt, redact, redact_logs, register_secret
from instantly_pipeline.errors import PipelineError

from .fakes import KEY, client_of, run
from .server import Reply, Server, Wire, page, refusal

EMAILS = ("ann@send-one.example", "bo.ek+tag@clinic.example", "jörg@müller.example")
QUERY = "needle-in-the-query"
OTHER_KEY = "sk_live_51Hq9ZxYwVuTsRqPoNmLkJiHg"
LEAK = f"key {KEY} other {OTHER_KEY} Bearer {KEY} mail {' '.join(EMAILS)} https://u:pw-of-u@h.example/p?q={QUERY}"
FORBIDDEN = (KEY, quote(KEY, safe=""), OTHER_KEY, "pw-of-u", QUERY, *EMAILS, *(quote(e, safe="") for e in EMAILS))

every_reply = pytest.mark.parametrize(
    "reply",
    [
        refusal(400, LEAK),
        refusal(401, LEAK),
        refusal(402, LEAK),
        refusal(403, LEAK),
        refusal(404, LEAK),
        refusal(429, LEAK, retry_after="200"),
        refusal(500, LEAK),
        Reply({"error": {"code": LEAK, "message": LEAK}}, 400),
        Reply({"error": LEAK}, 422),
        Reply(LEAK.encode(), 403),
        Reply(f"<html><p>{LEAK}</p></html>".encode(), 520),
        Reply(LEAK.encode()),
        Reply({"items": LEAK}),
        Reply(b"", 302, {"location": f"https://elsewhere.example/?{quote(LEAK)}", "set-cookie": f"k={KEY}"}),
        page("a", after=EMAILS[0]),
        Reply(b"", wire=Wire.RESET),
        Reply(b"", 200, {"x": f"{KEY}\r\nbroken header line {KEY}"}),
    ],
)


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All records of all loggers."""
    with caplog.at_level(1), caplog.at_level(1, "httpx"), caplog.at_level(1, "aiohttp"):
        yield caplog


def clean(text: str) -> bool:
    return not any(secret in text for secret in FORBIDDEN)


@every_reply
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_leaks_from_a_request(reply: Reply, method: str, everything: pytest.LogCaptureFixture) -> None:
    path = f"/api/v2/accounts/{quote(EMAILS[1], safe='')}"
    sent = {"search": EMAILS[0], "token": QUERY, "contacts": list(EMAILS)}

    async def main() -> list[str]:
        async with Server(reply) as server, client_of(server) as client:
            how = {"params" if method == "GET" else "body": sent}
            try:
                async for _ in client.pages(method, path, **how):  # type: ignore[arg-type]
                    pass
            except PipelineError as error:
                return logged(error)
            raise AssertionError("the reply was meant to fail")

    texts = run(main())
    assert [text for text in texts if not clean(text)] == []
    records = [record.getMessage() + repr(record.args) for record in everything.records]
    assert any("HTTP Request" in text or "Trying again" in text for text in records)
    assert [text for text in records if not clean(text)] == []
    assert clean(everything.text)


def logged(error: BaseException) -> list[str]:
    """Everything a report of the error could show: texts, arguments and tracebacks of the whole chain."""
    texts = ["".join(traceback.format_exception(error))]
    link: BaseException | None = error
    while link is not None:
        texts += [str(link), repr(link), repr(link.args)]
        assert isinstance(link, PipelineError), "a library's error hangs on ours"
        link = link.__cause__ or link.__context__
    return texts


def test_the_client_does_not_show_its_key() -> None:
    async def main() -> str:
        async with client_of("http://127.0.0.1:9") as client:
            return repr(client) + str(client) + repr(vars(client))

    assert clean(run(main()))


def test_a_task_that_nobody_asked_for_its_error_leaks_nothing(everything: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Server(refusal(400, LEAK)) as server, client_of(server) as client:
            task = asyncio.ensure_future(client.get("/api/v2/leads/list", {"search": EMAILS[0]}))
            await asyncio.wait([task])
            del task

    run(main())
    assert "never retrieved" in everything.text
    assert clean(everything.text)


def test_a_traceback_in_a_library_log_is_redacted_too(everything: pytest.LogCaptureFixture) -> None:
    redact_logs()
    register_secret(KEY)
    try:
        raise httpx.ReadError(LEAK)
    except httpx.ReadError:
        logging.getLogger("httpx").exception("failed for %s", EMAILS[0])
    assert "Traceback" in everything.text
    assert clean(everything.text)


@given(st.binary(min_size=36, max_size=60))
def test_what_looks_like_a_key_is_taken_out(raw: bytes) -> None:
    key = base64.b64encode(b"0198ffff-0000:" + raw).decode()
    assert key not in redact(f"key was {key}, sorry")


@pytest.mark.parametrize(
    "secret",
    [
        "74bc96924d60089881a4a9c0e88e5568",
        "AKIA1234567890abcdefGHIJKL",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    ],
)
def test_other_secrets_are_taken_out_by_their_look(secret: str) -> None:
    assert secret not in redact(f"the value {secret} is wrong")


@pytest.mark.parametrize(
    "text", ['"password": "hunter2"', "api_key=hunter2", "Authorization: hunter2", "token: hunter2"]
)
def test_values_that_are_called_secret_are_taken_out(text: str) -> None:
    assert "hunter2" not in redact(text)


def test_a_key_in_use_is_taken_out_whatever_it_looks_like() -> None:
    assert "plain-words" in redact("plain-words")
    register_secret("plain-words")
    assert redact("with plain-words inside") == "with [key] inside"


def test_a_secret_of_a_letter_or_two_does_not_garble_everything() -> None:
    register_secret("a")
    assert redact("a banana") == "a banana"


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v2/campaigns/analytics/overview answered 404 (Resource not found)",
        "campaign 0199aaaa-0000-7000-8000-000000000001 is gone",
        "GET /api/v2/leads/0003c451-2C8D-413d-8caf-000000000001",
        "job 66f0c2a1b3d4e5f6a7b8c9d0 is pending",
        "querystring/limit must be <= 100",
        "2026-08-20T12:00:00.000Z is not earlier than 2026-08-19",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)",
    ],
)
def test_what_helps_to_understand_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text(), st.sampled_from(EMAILS), st.text())
def test_an_address_is_found_wherever_it_stands(before: str, email: str, after: str) -> None:
    assert email not in redact(f"{before} {email} {after}")


def test_an_excerpt_is_one_short_line() -> None:
    assert excerpt("a\n\tb  c") == "a b c"
    assert len(excerpt("word " * 1000)) == 200


@pytest.mark.parametrize("filler", ["x ", "<p>\n"])
def test_an_address_at_the_cut_is_left_out_whole(filler: str) -> None:
    for length in range(3980, 4001):
        text = (filler * 4000)[:length] + " " + EMAILS[0]
        assert "ann" not in excerpt(text, limit=5000)


def test_a_huge_text_without_a_gap_is_refused_quickly() -> None:
    assert excerpt("a" * 10_000_000) == ""


@pytest.mark.parametrize(
    "text",
    [
        "ann%40send.example",
        "ann%2540send.example",
        "ann&#64;send.example",
        "ann&amp;#x40;send.example",
        "ann\uff20send.example",
        '"ann lee"@send.example',
        '\\"ann lee\\"@send.example',
        "ann@[10.0.0.1]",
        "a\u200bnn@send.example",
        "ann\x00@send.example",
    ],
)
def test_an_address_in_disguise_is_taken_out(text: str) -> None:
    assert not {"ann", "lee", "send", "10.0"} & set(redact(f"no account {text} here").replace("@", " ").split())
    assert "ann" not in redact(text)


def test_a_key_in_disguise_is_taken_out() -> None:
    key = "pl+in/w&rds%41="
    register_secret(key)
    for text in (key, quote(key, safe=""), quote(quote(key, safe=""), safe=""), html.escape(key)):
        assert "w&rds" not in redact(f"with {text} inside")
        assert "[key]" in redact(f"with {text} inside")


def test_a_query_stays_whole_where_it_is_encoded() -> None:
    assert redact("at /p?q=two%20words") == "at /p?[query]"


def test_a_server_cannot_send_control_characters_to_the_terminal() -> None:
    assert excerpt("\x1b[31mred\x07 and %1b[2Jback\x9b") == "red and back"

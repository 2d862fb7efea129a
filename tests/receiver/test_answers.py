"""What the receiver answers, and what it has then stored."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.receiver.served import PATH, SECRET, Served, served

pytestmark = pytest.mark.medium

# the reference, section 14, and the older description
TYPES = [
    "email_sent", "email_opened", "reply_received", "auto_reply_received", "link_clicked", "email_bounced",
    "lead_unsubscribed", "account_error", "campaign_completed", "lead_neutral", "lead_interested",
    "lead_not_interested", "lead_meeting_booked", "lead_meeting_completed", "lead_closed", "lead_out_of_office",
    "lead_wrong_person", "lead_no_show",
]  # fmt: skip


def event(kind: str = "reply_received") -> dict[str, object]:
    """An event that no other test sends."""
    return {
        "timestamp": "2026-08-19T09:00:02.000Z", "event_type": kind, "workspace": str(uuid4()),
        "campaign_id": str(uuid4()), "lead_email": "bo@clinic.example", "reply_text": "Sounds g\u00f6od",
    }  # fmt: skip


def counts(receiver: Served) -> dict[str, int]:
    found = receiver.health().json()
    return {name: found[name] for name in ("received", "aside", "duplicates", "refused")}


def grown(receiver: Served, before: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in counts(receiver).items() if count != before[name]}


@pytest.mark.parametrize("kind", [*TYPES, "Wants a demo \u2728"])
def test_an_event_is_stored_as_it_was_sent_when_it_is_answered(receiver: Served, kind: str) -> None:
    before, body = counts(receiver), json.dumps(event(kind), indent=1, ensure_ascii=False).encode()
    answer = receiver.post(body)
    (stored,) = [each for each in receiver.stored() if each.body == body]
    assert (answer.status_code, answer.json()) == (200, {"status": "received"})
    assert abs(datetime.now(UTC) - stored.received_at) < timedelta(minutes=1)
    assert grown(receiver, before) == {"received": 1}


ODD = {
    "empty": b"",
    "text": b"hello",
    "cut off": b'{"event_type": "email_sent"',
    "array": b'[{"event_type": "email_sent"}]',
    "scalar": b"42",
    "null": b"null",
    "NaN": b'{"event_type": "email_sent", "n": NaN}',
    "infinite": b'{"event_type": "email_sent", "n": -Infinity}',
    "twice": b'{"event_type": "email_sent", "event_type": "email_opened"}',
    "twice inside": b'{"event_type": "email_sent", "lead": [{"a": 1, "a": 2}]}',
    "not UTF-8": b'{"event_type": "email_sent", "n": "\xff\xfe"}',
    "control character": b'{"event_type": "email_sent", "n": "\x00"}',
    "deep": b'{"event_type": "email_sent", "n": ' + b"[" * 300 + b"]" * 300 + b"}",
    "very deep": b"[" * 200_000,
    "no type": b'{"timestamp": "2026-08-19T09:00:02.000Z", "workspace": "a"}',
    "type is a number": b'{"event_type": 7, "timestamp": "2026-08-19T09:00:02.000Z", "workspace": "a"}',
    "type is empty": b'{"event_type": " ", "timestamp": "2026-08-19T09:00:02.000Z", "workspace": "a"}',
    "unknown type": b'{"event_type": "page_viewed"}',
    "long number": b'{"event_type": "email_sent", "n": ' + b"9" * 5000 + b"}",
    "form": b"event_type=email_sent",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_what_is_no_event_is_kept_aside_answered_200_and_counted(receiver: Served, body: bytes) -> None:
    before = counts(receiver)
    answer = receiver.post(body)
    assert (answer.status_code, answer.json()) == (200, {"status": "aside"})
    (kept,) = [each for each in receiver.stored("aside") if each.body == body]
    assert kept.reason
    assert [each for each in receiver.stored() if each.body == body] == []
    assert grown(receiver, before) == {"aside": 1}


@pytest.mark.parametrize("body", [
    b'\xef\xbb\xbf{"event_type": "email_sent", "bom": 1}',
    b'{"event_type": "email_sent", "n": "\\ud800", "m": 1e999, "k": 12345678901234567890123}',
    b'{"event_type": "email_sent", "n": ' + b"[" * 200 + b"]" * 200 + b"}",
])  # fmt: skip
def test_odd_but_readable_events_are_received(receiver: Served, body: bytes) -> None:
    assert receiver.post(body).json() == {"status": "received"}


def test_the_same_event_again_is_not_stored_again(receiver: Served) -> None:
    before, body = counts(receiver), json.dumps(event()).encode()
    answers = [receiver.post(body) for _ in range(3)]
    assert [(each.status_code, each.json()["status"]) for each in answers] == [
        (200, "received"), (200, "duplicates"), (200, "duplicates"),
    ]  # fmt: skip
    assert [each.body for each in receiver.stored()].count(body) == 1
    assert grown(receiver, before) == {"received": 1, "duplicates": 2}


@pytest.mark.parametrize("secret", [
    None, "", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), f"{SECRET},{SECRET}", "\u00e9".encode("latin-1"),
])  # fmt: skip
def test_without_the_secret_it_is_401_and_nothing_is_stored(receiver: Served, secret: str | bytes | None) -> None:
    before, body = counts(receiver), json.dumps(event()).encode()
    headers = {} if secret is None else {"X-Webhook-Secret": secret}
    answer = httpx.post(receiver.url + PATH, content=body, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert "X-Webhook-Secret" in answer.text
    assert body not in [each.body for folder in ("", "aside") for each in receiver.stored(folder)]
    assert grown(receiver, before) == {"refused": 1}


def test_the_secret_in_another_header_or_the_address_does_not_count(receiver: Served) -> None:
    body = json.dumps(event()).encode()
    assert httpx.post(f"{receiver.url}{PATH}?X-Webhook-Secret={SECRET}", content=body).status_code == 401
    assert httpx.post(receiver.url + PATH, content=body, headers={"Authorization": SECRET}).status_code == 401


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", PATH, 405), ("PUT", PATH, 405), ("DELETE", PATH, 405), ("POST", "/healthz", 405),
    ("POST", "/", 404), ("POST", f"{PATH}/", 404), ("POST", f"{PATH}/x", 404), ("GET", "/docs", 404),
])  # fmt: skip
def test_everything_else_is_404_or_405(receiver: Served, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, receiver.url + path, content=b"{}", headers=receiver.headers)
    assert answer.status_code == status
    assert ("allow" in answer.headers) == (status == 405)


LARGEST = 10_000_000


def padded(size: int) -> bytes:
    head = json.dumps(event()).encode()[:-1] + b', "reply_html": "'
    return head + b"x" * (size - len(head) - 2) + b'"}'


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def test_ten_megabytes_are_received(receiver: Served) -> None:
    assert receiver.post(padded(LARGEST)).json() == {"status": "received"}


@pytest.mark.parametrize("size", [LARGEST + 1, 3 * LARGEST])
@pytest.mark.parametrize("chunked", [False, True])
def test_above_ten_megabytes_it_is_413_for_a_client_that_sends_it_all(
    receiver: Served, size: int, chunked: bool
) -> None:
    body = padded(size)
    content = chunks(body) if chunked else body
    answer = httpx.post(receiver.url + PATH, content=content, headers=receiver.headers, timeout=20)
    assert answer.status_code == 413
    assert receiver.post(event()).status_code == 200


def test_a_length_above_ten_megabytes_is_413_before_anything_is_sent(receiver: Served) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Webhook-Secret: {SECRET}\r\n"
                       f"Content-Length: {LARGEST + 1}\r\n\r\n".encode())  # fmt: skip
        assert client.recv(100).startswith(b"HTTP/1.1 413")


def test_an_endless_body_is_cut_off_soon_after_ten_megabytes(receiver: Served) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as client:
        client.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Webhook-Secret: {SECRET}\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n".encode())  # fmt: skip
        chunk = b"186a0\r\n" + b" " * 100_000 + b"\r\n"
        with suppress(OSError):
            while sent < 100 * LARGEST:
                client.sendall(chunk)
                sent += 100_000
    assert LARGEST < sent < 3 * LARGEST  # what it threw away, and what the kernel had taken


def test_above_the_rate_it_is_429_and_right_again_later(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--max-rate", "5") as receiver, httpx.Client(headers=receiver.headers) as client:
        answers = [client.post(receiver.url + PATH, json=event()) for _ in range(30)]
        stored = [answer for answer in answers if answer.status_code == 200]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert 5 <= len(stored) < 30
        assert len(receiver.stored()) == len(stored)
        wait = int(next(answer for answer in answers if answer.status_code == 429).headers["retry-after"])
        time.sleep(wait)
        assert client.post(receiver.url + PATH, json=event()).status_code == 200


def test_healthz_has_counts_and_no_personal_data(receiver: Served) -> None:
    receiver.post(event())
    answer = receiver.health()
    assert answer.status_code == 200
    assert answer.json().keys() == {
        "status", "problem", "received", "aside", "duplicates", "refused", "aside_dropped", "inbox",
    }  # fmt: skip
    assert "clinic" not in answer.text
    assert SECRET not in answer.text

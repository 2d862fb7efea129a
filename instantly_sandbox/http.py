"""The sandbox's requests and responses, and the error bodies of both profiles."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

Headers = list[tuple[bytes, bytes]]
JSON = b"application/json; charset=utf-8"
REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
SEED_CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "RATE_LIMIT_EXCEEDED",
}


@dataclass(slots=True)
class Response:
    """A complete response."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: Headers = field(default_factory=list)
    chunks: Iterator[bytes] | None = None  # instead of `body`, for bodies too large for memory
    later: "Callable[[], Awaitable[Response]] | None" = None  # what has to wait for somebody else gives its answer


@dataclass(slots=True)
class Request:
    """A complete request. `params` keeps repeated keys; `body` is raw."""

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes = b""
    _params: dict[str, list[str]] | None = None

    @property
    def params(self) -> dict[str, list[str]]:
        if self._params is None:
            found: dict[str, list[str]] = {}
            for name, value in parse_qsl(self.query.decode("latin-1"), keep_blank_values=True):
                found.setdefault(name.removesuffix("[]"), []).append(value)
            self._params = found
        return self._params

    def param(self, name: str) -> str | None:
        values = self.params.get(name)
        return values[-1] if values and values[-1] != "" else None

    def many(self, name: str) -> list[str]:
        """A repeated or comma-joined parameter."""
        return [part for value in self.params.get(name, []) for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        return self.param(name) == "true"


class ApiError(Exception):
    """An answer other than 200, raised from anywhere below the router."""

    def __init__(self, status: int, message: str, *, bare: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.bare, self.details = status, message, bare, details


def ok(value: object) -> Response:
    return Response(orjson.dumps(value))


def error(
    profile: str, status: int, message: str, *, bare: str = "", details: dict[str, Any] | None = None
) -> Response:
    """The live error body, or the seed's nested one. `bare` is the only key, for routes where live sends just one."""
    if profile == "seed":
        inner: dict[str, Any] = {"code": SEED_CODES.get(status, "INTERNAL_ERROR"), "message": message}
        if details:
            inner["details"] = details
        return Response(orjson.dumps({"error": inner}), status)
    if bare:
        return Response(orjson.dumps({bare: message}), status)
    body = {"statusCode": status, "error": REASONS.get(status, "Error"), "message": message}
    return Response(orjson.dumps(body), status)


def no_route(profile: str, method: str, path: str) -> Response:
    """The 404 of an unknown route; live sends its keys in another order."""
    message = f"Route {method}:{path} not found"
    if profile == "seed":
        return error(profile, 404, message)
    return Response(orjson.dumps({"message": message, "error": "Not Found", "statusCode": 404}), 404)


def text(status: int, body: str, content_type: bytes = b"text/plain; charset=UTF-8") -> Response:
    return Response(body.encode(), status, content_type)

"""Pages of a list and their cursors, with the deviations that real servers show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from instantly_sandbox.http import ApiError, Request, Response
from instantly_sandbox.switches import Switches, applies

Record = dict[str, Any]
AGAIN = "~"  # suffix of an empty page's cursor, which points to the same position again


class Source(Protocol):
    """Rows in the order of an endpoint."""

    name: str
    size: int

    def position(self, cursor: str | None) -> int: ...

    def rows(self, start: int, count: int) -> list[bytes]: ...

    def cursor(self, index: int) -> str: ...


@dataclass(frozen=True)
class Order:
    """The order of an endpoint: `cursor` of a record, and `behind`, which tests if a record follows a cursor."""

    sort: Callable[[Record], Any]
    cursor: Callable[[Record], str]
    behind: Callable[[str], Callable[[Record], bool]]
    descending: bool = True


def by_id() -> Order:
    """Ids descending; the cursor is an id, which does not have to exist."""
    return Order(lambda r: str(r["id"]), lambda r: str(r["id"]), lambda c: lambda r: str(r["id"]) < c)


def by_created() -> Order:
    """Newest first; the cursor is a timestamp, so rows of the same millisecond can be lost between two pages."""
    return Order(
        lambda r: (str(r["timestamp_created"]), str(r["id"])),
        lambda r: str(r["timestamp_created"]),
        lambda c: lambda r: str(r["timestamp_created"]) < c,
    )


def by_created_then_email(*, descending: bool) -> Order:
    """`timestamp&email`; a bare timestamp is accepted as before 2026-04-08."""

    def behind(cursor: str) -> Callable[[Record], bool]:
        stamp, _, email = cursor.partition("&")
        if not email:
            return lambda r: (str(r["timestamp_created"]) < stamp) == descending and r["timestamp_created"] != stamp
        edge = (stamp, email)
        return lambda r: (_account_key(r) < edge) == descending and _account_key(r) != edge

    return Order(_account_key, lambda r: "&".join(_account_key(r)), behind, descending)


def _account_key(record: Record) -> tuple[str, str]:
    return str(record["timestamp_created"]), str(record["email"])


class RecordSource:
    """A list of small records."""

    def __init__(self, name: str, records: list[Record], order: Order, dump: Callable[[Record], bytes]) -> None:
        self.name, self._order, self._dump = name, order, dump
        self.records = sorted(records, key=order.sort, reverse=order.descending)
        self.size = len(self.records)

    def position(self, cursor: str | None) -> int:
        if not cursor:
            return 0
        behind = self._order.behind(cursor)
        return next((i for i, r in enumerate(self.records) if behind(r)), self.size)

    def rows(self, start: int, count: int) -> list[bytes]:
        return [self._dump(r) for r in self.records[start : start + count]]

    def cursor(self, index: int) -> str:
        return self._order.cursor(self.records[index])


def limit_of(value: object, where: str, switches: Switches, *, most: int = 100) -> int:
    """The page size; -1 for the empty page that some routes send above 100."""
    if value is None:
        return 10
    try:
        limit = int(str(value))
    except ValueError:
        raise ApiError(400, f"{where}/limit must be integer") from None
    if limit < 1:
        raise ApiError(400, f"{where}/limit must be >= 1")
    if limit > most:
        if switches.limit_above_100 == "empty":
            return -1
        raise ApiError(400, f"{where}/limit must be <= {most}")
    return limit


def query_limit(request: Request, switches: Switches, *, most: int = 100) -> int:
    return limit_of(request.param("limit"), "querystring", switches, most=most)


def page(source: Source, cursor: str | None, limit: int, switches: Switches, profile: str) -> Response:
    """One page as the endpoint would answer it."""
    if limit < 0:
        return Response(b'{"items":[]}')
    lost = switches.lost_cursor.get(source.name)
    if lost in ("empty", "ends") and cursor and not cursor.endswith(AGAIN):
        onward = b',"next_starting_after":' + _quoted(cursor + AGAIN) if lost == "empty" else b""
        return Response(b'{"items":[]' + onward + b"}")
    cursor = cursor.removesuffix(AGAIN) if cursor else cursor
    start = source.position(cursor)
    if applies(switches.duplicate_rows, source.name) and start > 0:
        start -= 1
    take = limit
    if applies(switches.short_pages, source.name) and limit > 1:
        take = limit - 1 - start % min(3, limit - 1)
    rows = source.rows(start, take)
    end = start + len(rows)
    following = _next_cursor(source, start, end, take, switches)
    if applies(switches.repeat_cursor, source.name) and cursor:
        following = cursor
    if applies(switches.cursor_loop, source.name) and start >= 2 * take:
        following = source.cursor(take - 1)
    tail = b"]}"
    if following is not None and lost == "renamed":
        tail = b'],"pagination":{"next_starting_after":' + _quoted(following) + b"}}"
    elif following is not None and lost != "absent":
        tail = b'],"next_starting_after":' + _quoted(following) + b"}"
    if profile == "seed":
        tail = tail[:-1] + (b',"has_more":true}' if end < source.size else b',"has_more":false}')
    return Response(b'{"items":[' + b",".join(rows) + tail)


def _next_cursor(source: Source, start: int, end: int, take: int, switches: Switches) -> str | None:
    if end == start:
        return None
    more = end < source.size
    wanted = {"always": True, "never": more}.get(switches.trailing_cursor, end - start == take)
    return source.cursor(end - 1) if wanted or more else None


def _quoted(text: str) -> bytes:
    import orjson

    return orjson.dumps(text)

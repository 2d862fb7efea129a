"""The vocabulary in which a stream is declared.

A stream says what it is: its columns, its key, where it is read and what an absent record means. How paging, diffing
and loading work is said once, in `sync`, `lake` and `warehouse`. Nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """The type of a column, in the lake and in the warehouse alike."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    INSTANT = "instant"
    DATE = "date"
    JSON = "json"

    @property
    def sql(self) -> str:
        """The DuckDB type of the column in `raw` and `history`."""
        return _SQL[self]


_SQL = {
    Type.TEXT: "VARCHAR",
    Type.INT: "BIGINT",
    Type.FLOAT: "DOUBLE",
    Type.BOOL: "BOOLEAN",
    Type.INSTANT: "TIMESTAMPTZ",
    Type.DATE: "DATE",
    Type.JSON: "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the API.

    `name` is the live API's; `aliases` are other names for the same thing, the first non-null one counts after the
    name itself. `also_in` are places that say the same, other columns or fields inside JSON columns
    (`column.field.field`): staging takes the first that is there where the column itself is null, `raw` stays as the
    API said it. `always` marks fields the reference lists as never absent (their absence is drift); flags are not among
    them, since some answers leave out those that are false. `labels` decode an integer enum; a number that is not in it
    is kept and noted as drift, unless `custom` says that users add numbers of their own. `personal` marks a contact's
    personal data.
    """

    name: str
    type: Type
    about: str
    aliases: tuple[str, ...] = ()
    also_in: tuple[str, ...] = ()
    always: bool = False
    labels: Mapping[int, str] | None = None
    custom: bool = False
    personal: bool = False


class Absent(StrEnum):
    """What it means that a record known before is not in a complete answer."""

    DELETED = "deleted"  # a tombstone is written
    CONFIRM = "confirm"  # a tombstone is written once the API has said so by id
    KEEP = "keep"  # the window rolled on, or the answer never was complete
    FLAGGED = "flagged"  # kept, noted, and believed only when it was so in three syncs


class Read(StrEnum):
    """How a stream is read; `sync/readers/registry.py` has the reader of each."""

    OBJECT = "object"  # one request, one object
    ARRAY = "array"  # one request, a bare array
    SCAN = "scan"  # pages by cursor
    SWEEP = "sweep"  # pages by id, in id order, each page owning its range of ids
    PER_CAMPAIGN = "per campaign"  # lifetime figures, one request a campaign whose counters moved
    CAMPAIGN_WINDOW = "campaign window"  # daily figures of one campaign over the lookback
    WORKSPACE_WINDOW = "workspace window"  # daily figures of the workspace over the lookback
    CAMPAIGN_DAYS = "campaign days"  # one request a campaign and day whose daily row changed
    ACCOUNT_WINDOW = "account window"  # daily figures of batches of accounts
    ACCOUNT_BATCH = "account batch"  # figures of batches of accounts, window chosen by the server


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream, which is one table.

    `key` names the columns that identify a record within a workspace (empty: the stream has one row). `given` are key
    columns the API leaves out of the row and the request supplies. `path` is below the API's origin. `needs` are
    streams read before. `scope` names the columns whose first non-null value says which part of the stream a record
    belongs to (a deletion that empties a part is suspicious). `secrets` are fields dropped before anything is written.
    `params` are sent with every request, `parent_param` is the query parameter that names the campaign, `full_instants`
    says that date parameters are sent as full timestamps. `rows` turns an answer that is not simply a list of records
    into records; it returns only what it recognises and never raises on a shape it does not know. `cursor` names the
    fields of a record whose values, joined by `&`, ask a list for what follows it (reference, section 1.3).
    """

    name: str
    about: str
    path: str
    read: Read
    key: tuple[str, ...]
    absent: Absent
    columns: tuple[Column, ...]
    method: str = "GET"
    given: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    api_scope: str = "all:read"
    params: Mapping[str, str] | None = None
    parent_param: str = "campaign_id"
    full_instants: bool = False
    rows: Callable[[object], list[dict[str, object]]] | None = None
    cursor: tuple[str, ...] = ()

    def cursor_of(self, record: Mapping[str, object]) -> str | None:
        """The cursor behind a record; None where the record lacks a part of it, or the stream is no list."""
        parts = [record.get(name) for name in self.cursor]
        return "&".join(map(str, parts)) if parts and all(isinstance(part, str) and part for part in parts) else None

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if there is none."""
        return self._by_name()[name]

    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ValueError(f"stream {self.name}: {problem}")


_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
RESERVED = ("extra", "workspace_id", "ws", "synced")


def _problem(stream: Stream) -> str | None:
    names = [column.name for column in stream.columns]
    if not _NAME.match(stream.name):
        return "a name is lower case with underscores"
    bad = [n for n in names if not _NAME.match(n) or n in RESERVED]
    if bad:
        return f"{bad[0]!r} cannot be a column's name"
    if len(set(names)) != len(names):
        return "two columns have the same name"
    missing = [k for k in (*stream.key, *stream.given, *stream.scope) if k not in names]
    if missing:
        return f"{missing[0]!r} is not one of its columns"
    return None

"""The types that declare a stream: `Stream`, `Column` and their enums.

A stream declares its columns, its key, its endpoint and what an absent record means. Paging, diffing and loading are
implemented once, in `sync`, `lake` and `warehouse`. Nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Type(StrEnum):
    """The type of a column, in the lake and in the warehouse."""

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

    `name` is the live API's name; `aliases` are other names for the same field: the value is the first that is not
    null, `name` first. `also_in` lists other places of the same value, columns or fields inside JSON columns
    (`column.field.field`): where the column is null, staging uses the first that is not; `raw` stays as the API sent
    it. `always` marks fields that the reference lists as never absent (their absence is drift); flags are not marked,
    since some answers omit false ones. `labels` decodes an integer enum; other numbers are kept and recorded as drift,
    unless `custom` says that users can add numbers. `personal` marks personal data. `keep` is what is kept of a text
    that may hold a secret; nothing else of it is written anywhere.
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
    keep: Callable[[str], str] | None = None


class Absent(StrEnum):
    """What it means if a stored record is not in a complete answer."""

    DELETED = "deleted"  # a tombstone is written
    CONFIRM = "confirm"  # a tombstone is written once a request by id has confirmed it
    KEEP = "keep"  # kept: the window has moved on, or answers are never complete
    FLAGGED = "flagged"  # kept and flagged; accepted as gone after three syncs in a row


class Read(StrEnum):
    """How a stream is read; `sync/readers/registry.py` has the reader of each."""

    OBJECT = "object"  # one request, one object
    ARRAY = "array"  # one request, a bare array
    SCAN = "scan"  # pages by cursor
    SWEEP = "sweep"  # pages in id order, each page covering its range of ids
    INCREMENT = "increment"  # pages by cursor, as far as the newest record that is known
    PER_PARENT = "per parent"  # one request, or the pages of a list, for each record of another stream
    ACCOUNT_MAPPINGS = "account mappings"  # the campaigns of each account
    BY_CREATION = "by creation"  # newest first by the time of storage, a range of it at a time; its own rate
    PER_CAMPAIGN = "per campaign"  # lifetime figures, one request per campaign whose counters changed
    CAMPAIGN_WINDOW = "campaign window"  # daily figures of one campaign over the lookback
    WORKSPACE_WINDOW = "workspace window"  # daily figures of the workspace over the lookback
    CAMPAIGN_DAYS = "campaign days"  # one request per campaign and day whose daily row changed
    ACCOUNT_WINDOW = "account window"  # daily figures of batches of accounts over the lookback
    ACCOUNT_BATCH = "account batch"  # figures of batches of accounts, over a period that the server decides
    EVENTS = "events"  # pulled by date, and received
    DELIVERIES = "deliveries"  # what pulling events shows about how they were delivered


ALL = "all"
GROUPS: Mapping[str, str] = {
    "core": "campaigns, leads, accounts and lists, with their figures; the default",
    "emails": "every e-mail sent and received",
    "events": "webhooks, and the events they were sent",
    "setup": "subsequences, what tags and accounts belong to, states that are asked for one by one",
    "admin": "members, plan, audit log and background jobs of the workspace",
    "placement": "inbox placement tests and their results",
}


@dataclass(frozen=True, slots=True)
class Parent:
    """What a stream is asked for, one by one: the values of a column of another stream's records.

    - `stream` and `column`: whose records, and which of their columns. Records with the same value are asked for once.
    - `into`: the column of this stream that takes the value.
    - `param`: the query parameter that takes it; None if it goes into the path, in place of `{...}`.
    - `every`: after which time a record, of which it gets the columns of `watch`, is asked for again; None if only
      after a change.
    - `watch`: columns of the record; `changes`: a stream that has a row about the same value, with it as its key. A
      record is asked for when one of these has changed since it was last asked for.
    """

    stream: str
    column: str
    into: str
    param: str | None = None
    every: Callable[[Mapping[str, object]], timedelta | None] = lambda _: None
    watch: tuple[str, ...] = ()
    changes: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream, which is one table.

    - `group`: one of `GROUPS`; users choose streams by group (INSTANTLY_STREAMS).
    - `key`: the columns that identify a record within a workspace; empty if the stream has one row.
    - `given`: key columns that the API's rows do not have; their values are those of the request.
    - `path`: relative to the API's origin.
    - `absent`: what it means if a stored record is not in a complete answer.
    - `needs`: streams that must be read first; `after`: streams that are read first in a run that reads them at all.
    - `scope`: columns; the first that is not null is the part of the stream that a record belongs to. A deletion that
      empties a part is suspicious.
    - `secrets`: fields that are dropped before anything is written.
    - `api_scope`: the scope that a key needs to read the stream.
    - `params`: sent with every request.
    - `parent_param`: the query parameter for the campaign.
    - `full_instants`: date parameters are sent as full timestamps.
    - `rows`: turns an answer that is not a plain list into records; None if it is no answer of the stream. It skips
      shapes it does not know and never raises.
    - `parent`: what the stream is asked for, if that is one record of another stream after the other.
    - `newest`: the column by which a list is read in increments, newest first.
    - `since_param`: the query parameter for a date from which on records are returned.
    - `asked_by`: for a list without requests by id, the query parameter and the column that ask for some records.
    - `page_size`: the most records of a page.
    - `own_rate`: requests a minute, as the vendor says, of a path that the API limits by itself. It is where estimates
      begin; the rate itself is learned.
    - `texts`: fields that say what a message says. They are kept only on demand, and are no part of the row hash, so
      that the setting can change without a new version of every record.
    - `cursor`: fields of a record that, joined by `&`, are the cursor for what follows it (reference, section 1.3).
    """

    name: str
    about: str
    path: str
    read: Read
    key: tuple[str, ...]
    absent: Absent
    columns: tuple[Column, ...]
    group: str = "core"
    method: str = "GET"
    given: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    api_scope: str = "all:read"
    params: Mapping[str, str] | None = None
    parent_param: str = "campaign_id"
    full_instants: bool = False
    rows: Callable[[object], list[dict[str, object]] | None] | None = None
    cursor: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    parent: Parent | None = None
    newest: str | None = None
    since_param: str | None = None
    asked_by: tuple[str, str] | None = None
    page_size: int = 100
    own_rate: float | None = None
    texts: tuple[str, ...] = ()

    def cursor_of(self, record: Mapping[str, object]) -> str | None:
        """The cursor for what follows a record; None if the record lacks a part of it, or the stream has no cursor."""
        parts = [record.get(name) for name in self.cursor]
        return "&".join(map(str, parts)) if parts and all(isinstance(part, str) and part for part in parts) else None

    def column(self, name: str) -> Column:
        """The column named `name`; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

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
        return "the name must be lower case letters, digits and underscores"
    if stream.group not in GROUPS:
        return f"there is no group {stream.group!r}; the groups are {', '.join(GROUPS)}"
    bad = [n for n in names if not _NAME.match(n) or n in RESERVED]
    if bad:
        return (
            f"{bad[0]!r} cannot be the name of a column: names are lower case, and the pipeline itself uses "
            f"{', '.join(RESERVED)}. Give the column another name, with aliases=({bad[0]!r},)"
        )
    if len(set(names)) != len(names):
        return "two columns have the same name"
    own = (stream.parent and stream.parent.into, stream.newest, stream.asked_by and stream.asked_by[1])
    missing = [k for k in (*stream.key, *stream.given, *stream.scope, *filter(None, own)) if k not in names]
    if missing:
        return f"{missing[0]!r} is not a column of the stream"
    return None

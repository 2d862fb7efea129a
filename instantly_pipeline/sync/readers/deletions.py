"""Which records missing from a list are deleted: each is requested by its id.

A list that ends early looks like a complete one, so a missing record is no proof of its deletion. A 404 of
`GET <list>/<id>` is, if a record that was just listed is found (reference, section 2). A list without such requests may
have a parameter that asks for records by the value of a column (`Stream.asked_by`). Leads are requested by a list of
ids, in `sync/leads`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import quote

import orjson

from instantly_pipeline.errors import BadRequest, Forbidden, NotFound, PlanRequired
from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.readers.fetch import gather_or_cancel
from instantly_pipeline.sync.sink import Sink

SAMPLE = 200  # the most to request: if 2 % of the records still existed, a sample without any has a chance of 1 in 57


@dataclass(slots=True)
class Missing:
    """Keys missing from a list: `deleted`, still `existing`, or `unknown` if the API could not tell."""

    deleted: set[str] = field(default_factory=set)
    existing: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    def without(self, keys: Collection[str]) -> Missing:
        """Those that are not in `keys`."""
        return Missing(self.deleted.difference(keys), self.existing.difference(keys), self.unknown.difference(keys))


class _Status(Enum):
    DELETED = auto()
    EXISTS = auto()
    UNKNOWN = auto()


async def look_up(
    sink: Sink, missing: Mapping[str, IndexEntry], witness: tuple[str, str] | None, *, each: bool = False
) -> Missing:
    """Request missing records by id; `witness` is the key and the id of a record that the list contained.

    A 404 counts only if the witness is found before and after. If the list contained no record that can be found, a
    missing record that still exists serves as witness. Of many, a random sample is requested: if all of it are deleted,
    all count as deleted. If some still exist and `each` is set, the others are requested too. Exhausted if a request
    fails for good.
    """
    first = _Status.DELETED if witness is None else await _status(sink, *witness)
    if first is _Status.UNKNOWN:
        return Missing(unknown=set(missing))
    chosen = sorted(missing)
    if len(chosen) > SAMPLE:
        chosen = random.Random(sink.ctx.files.run_id).sample(chosen, SAMPLE)
    found = await _statuses(sink, missing, chosen)
    if each and _Status.EXISTS in found.values():
        found |= await _statuses(sink, missing, missing.keys() - found.keys())
    result = Missing(existing={key for key in found if found[key] is _Status.EXISTS})
    if first is _Status.DELETED:
        witness = next(((key, api_id(key, missing[key])) for key in sorted(result.existing)), None)
    if witness is not None and await _status(sink, *witness) is _Status.EXISTS:
        deleted = {key for key in found if found[key] is _Status.DELETED}
        result.deleted = set(missing) if deleted == found.keys() else deleted
    result.unknown = set(missing) - result.deleted - result.existing
    return result


async def _statuses(sink: Sink, missing: Mapping[str, IndexEntry], keys: Iterable[str]) -> dict[str, _Status]:
    ordered = sorted(keys)
    found = await gather_or_cancel([_status(sink, key, api_id(key, missing[key])) for key in ordered])
    return dict(zip(ordered, found, strict=True))


def asked_column(stream: Stream) -> str:
    """The column whose value a record is requested by."""
    return stream.asked_by[1] if stream.asked_by else stream.key[0]


def api_id(key: str, entry: IndexEntry) -> str:
    """The value to request by: not in the key, where keys are stored in lower case or it is another column's."""
    return entry.scope.partition("=")[2] if entry.scope else str(orjson.loads(key)[0])


async def _status(sink: Sink, key: str, identity: str) -> _Status:
    if identity in ("", ".", ".."):
        return _Status.UNKNOWN  # would change the path
    if sink.stream.asked_by:
        return await _status_in_list(sink, key, identity)
    path = f"{sink.stream.path}/{quote(identity, safe='')}"
    try:
        answer = await sink.client.get(path)
    except NotFound:
        return _Status.DELETED
    except (BadRequest, Forbidden, PlanRequired):
        return _Status.UNKNOWN
    records = [answer, *answer.values()] if isinstance(answer, dict) else []  # bare, or in an envelope
    keys = sink.ctx.log(sink.stream.name).keys([one for one in records if isinstance(one, dict)])
    return _Status.EXISTS if key in keys else _Status.UNKNOWN


async def _status_in_list(sink: Sink, key: str, value: str) -> _Status:
    """Whether the list of the records with this value has the key; unknown if it has others, the filter is ignored."""
    param, column = sink.stream.asked_by or ("", "")
    records: list[Record] = []
    try:
        async for page in sink.client.pages(sink.stream.method, sink.stream.path, params={param: value}):
            records += page.items
            if any(record.get(column) != value for record in page.items):
                return _Status.UNKNOWN
    except (BadRequest, Forbidden, PlanRequired, NotFound):
        return _Status.UNKNOWN
    return _Status.EXISTS if key in sink.ctx.log(sink.stream.name).keys(records) else _Status.DELETED

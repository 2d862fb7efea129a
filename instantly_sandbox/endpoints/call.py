"""The argument of a handler: the request, its workspace and how records are rendered."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from instantly_sandbox.http import ApiError, Request, Response
from instantly_sandbox.nullable import with_nulls, without_false
from instantly_sandbox.paging import Order, RecordSource, Source, page, query_limit
from instantly_sandbox.seed_shape import shape
from instantly_sandbox.switches import Switches, applies
from instantly_sandbox.world.seeded import parse_uuid
from instantly_sandbox.world.world import World

Record = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One request for one workspace."""

    request: Request
    world: World
    switches: Switches
    profile: str
    path_value: str = ""
    worlds: list[World] = field(default_factory=list)

    def served(self, collection: str) -> list[Record]:
        """Records of a collection in the profile's shape, unordered, before filters."""
        return [served(self, collection, r) for r in self.world.records(collection).values()]

    def listed(self, collection: str, records: list[Record], order: Order, *, most: int = 100) -> Response:
        """A page of a list endpoint."""
        return self.paged(RecordSource(collection, records, order, orjson.dumps), most=most)

    def paged(self, source: Source, *, most: int = 100) -> Response:
        """The page of a source that the request asks for."""
        limit = query_limit(self.request, self.switches, most=most)
        return page(source, self.request.param("starting_after"), limit, self.switches, self.profile)

    def one(self, collection: str, key: str) -> Response:
        record = self.world.records(collection).get(key)
        if record is None:
            raise ApiError(404, "Resource not found")
        return Response(orjson.dumps(served(self, collection, record)))

    def uuid(self) -> str:
        """The id in the path, validated like live."""
        if parse_uuid(self.path_value) is None:
            raise ApiError(400, 'params/id must match format "uuid"')
        return self.path_value

    def search(self, records: list[Record], *names: str) -> list[Record]:
        """The records in which one of the fields contains the `search` parameter."""
        wanted = (self.request.param("search") or "").lower()
        return [r for r in records if not wanted or any(wanted in str(r.get(n, "")).lower() for n in names)]

    def json_body(self) -> Record:
        try:
            body = orjson.loads(self.request.body) if self.request.body else {}
        except ValueError:
            raise ApiError(400, "Body is not valid JSON but content-type is set to 'application/json'") from None
        if not isinstance(body, dict):
            raise ApiError(400, "body must be object")
        return body


@dataclass(slots=True)
class Whole(Call):
    """A call in which a list endpoint leaves all its records, as it serves them, instead of a page of them."""

    records: list[Record] | None = None

    def listed(self, collection: str, records: list[Record], order: Order, *, most: int = 100) -> Response:
        """Nothing; `records` holds what would have been paged."""
        self.records = records
        return Response(b"")

    def paged(self, source: Source, *, most: int = 100) -> Response:
        """Nothing; `records` holds the whole source."""
        self.records = [orjson.loads(row) for row in source.rows(0, source.size)]
        return Response(b"")


def served(call: Call, collection: str, record: Record) -> Record:
    """A record as the API shows it: profile's shape, then the switches on fields."""
    if call.profile == "seed":
        record = shape(collection, record)
    elif not call.switches.omit_nulls:
        record = with_nulls(collection, record)
    return with_oddities(call.switches, collection, record)


def with_oddities(switches: Switches, collection: str, record: Record) -> Record:
    if applies(switches.omit_false, collection):
        record = without_false(record)
    if applies(switches.unknown_field, collection):
        record = {**record, "sandbox_new_field": {"since": "2026-09", "beta": True}}
    if applies(switches.unknown_enum, collection):
        for name in ("status", "campaign_status", "provider_code", "interest_status"):
            if name in record:
                record = {**record, name: 77}
                break
    return record

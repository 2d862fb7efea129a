"""One record by its id, for lists that are computed and not kept: it is looked up in what its list would show."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from instantly_sandbox.endpoints import extras, placement, small_reads
from instantly_sandbox.endpoints.call import Call, Whole
from instantly_sandbox.http import ApiError, Request, Response, ok

Record = dict[str, Any]
Handler = Callable[[Call], Response]


def records(call: Call, listing: Handler, **params: str) -> list[Record]:
    """Everything that a list endpoint has under these parameters, as it serves it."""
    asked = Request("GET", call.request.path, urlencode(params).encode(), call.request.headers)
    whole = Whole(asked, call.world, call.switches, call.profile, worlds=call.worlds)
    listing(whole)
    return whole.records or []


def of_tests(call: Call, listing: Handler) -> Iterator[Record]:
    """The records of every placement test; their lists answer for one test at a time."""
    for test in records(call, placement.tests):
        yield from records(call, listing, test_id=test["id"])


def _found(key: str, rows: list[Record]) -> Response:
    record = next((r for r in rows if r["id"] == key), None)
    if record is None:
        raise ApiError(404, "Resource not found")
    return ok(record)


def subsequence(call: Call) -> Response:
    return _found(call.uuid(), records(call, extras.subsequences))


def subsequence_sending_status(call: Call) -> Response:
    """As of a campaign, by the status of the subsequence."""
    record = next((r for r in records(call, extras.subsequences) if r["id"] == call.uuid()), None)
    if record is None:
        raise ApiError(404, "Resource not found")
    return extras.sending_status_of(call, record)


def member(call: Call) -> Response:
    return _found(call.uuid(), records(call, extras.members))


def group_member(call: Call) -> Response:
    return _found(call.uuid(), records(call, extras.group_members))


def background_job(call: Call) -> Response:
    """Ids of jobs are 24 hexadecimal digits, no UUIDs."""
    return _found(call.path_value, records(call, extras.background_jobs))


def placement_analytics(call: Call) -> Response:
    return _found(call.uuid(), list(of_tests(call, placement.analytics)))


def placement_report(call: Call) -> Response:
    return _found(call.uuid(), list(of_tests(call, placement.reports)))


def email_template(call: Call) -> Response:
    return _found(call.uuid(), records(call, small_reads.email_templates))


def sales_flow(call: Call) -> Response:
    return _found(call.uuid(), records(call, small_reads.sales_flows))


def prompt_template(call: Call) -> Response:
    """Ids of prompt templates are texts such as `1`, no UUIDs."""
    return _found(call.path_value, records(call, small_reads.prompt_templates))

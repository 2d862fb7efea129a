"""The records in a response with status 200. Anything else in it is an error, never an empty list."""

from __future__ import annotations

from instantly_pipeline.errors import BadBody
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream


def records_in(stream: Stream, answer: object, *, or_object: bool = False) -> list[Record]:
    """The records of one response: the objects of a bare array or, with `or_object`, a single object.

    BadBody for anything else, such as an error sent with status 200: no array where one is expected, an object without
    a single field of the stream, or an entry that is not an object. Taken as data, each would look like a deletion.
    """
    is_list = isinstance(answer, list) and all(isinstance(row, dict) for row in answer)
    if stream.rows is not None and (is_list or (or_object and isinstance(answer, dict))):
        found = stream.rows(answer)
        if found is not None:
            return found
    elif isinstance(answer, list) and is_list:
        return answer
    elif isinstance(answer, dict) and or_object:
        known = {*stream.names, *(alias for column in stream.columns for alias in column.aliases)}
        if not answer or known & answer.keys():
            return [answer]
    raise BadBody(f"The response of {stream.path} does not contain {stream.name}; nothing of it was stored.")

"""The records in an answer of 200; what is something else is an error, never an answer without records."""

from __future__ import annotations

from instantly_pipeline.errors import BadBody
from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream


def records_in(stream: Stream, answer: object, *, or_object: bool = False) -> list[Record]:
    """The records of one answer: the objects of a bare array, or with `or_object` the one object that it is.

    BadBody for anything else, above all an error that came with a 200: an array where one is due, an object without a
    single field of the stream, or an entry that is no object. Taken for data, each would look like a deletion.
    """
    if isinstance(answer, list) and all(isinstance(row, dict) for row in answer):
        return stream.rows(answer) if stream.rows is not None else answer
    if isinstance(answer, dict) and or_object:
        if stream.rows is not None:
            return stream.rows(answer)
        known = {*stream.names, *(alias for column in stream.columns for alias in column.aliases)}
        if not answer or known & answer.keys():
            return [answer]
    raise BadBody(f"{stream.path} answered with something else than {stream.name}; nothing was taken from it.")

"""E-mails as they are stored: without what they say unless that is wanted, and their flags as truth values."""

from __future__ import annotations

import re

from instantly_pipeline.lake.records.canonical import Record
from instantly_pipeline.streams.model import Stream, Type

_BETWEEN_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_TEXT_WORDS = frozenset({"body", "html"})  # of fields that the vendor does not document


def to_store(stream: Stream, record: Record, *, with_texts: bool) -> Record:
    """The record to store.

    Flags are numbers in the vendor's schema and truth values in older clients (reference, section 12). Both become
    truth values here, before the row hash, so that a server that changes its mind makes no versions.
    """
    flags = {column.name for column in stream.columns if column.type is Type.BOOL}
    return {
        name: bool(value) if name in flags and value in (0, 1) else value
        for name, value in record.items()
        if with_texts or not _is_text(stream, name)
    }


def _is_text(stream: Stream, name: str) -> bool:
    """Whether a field says what the e-mail says, whatever its type; by its words if the vendor does not document it."""
    if name in stream.names:
        return name in stream.texts
    return not _TEXT_WORDS.isdisjoint(_BETWEEN_WORDS.sub("_", name).lower().split("_"))

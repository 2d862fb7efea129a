"""A record's identity: its key, its canonical form and the hash of that form.

Canonical form: JSON with sorted keys; null and absent are alike and dropped in objects at any depth, elements of
arrays are kept, a float with an integral value is that integer. It does not depend on our columns, so that adding a
column re-versions nothing.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

from instantly_pipeline.jsontext import dumps
from instantly_pipeline.streams.model import Column, Stream, Type

HASH_VERSION = "1"
_PLAIN = frozenset({str, int, bool})
_WRITTEN_AS_IT_IS = re.compile(r"[ !#-\[\]-~]+")  # by JSON: ASCII without what must be escaped
Record = dict[str, Any]


def canonical(record: Record) -> bytes:
    """The canonical JSON of a decoded record. RecursionError where it is nested too deeply."""
    return dumps(_clean(record), sort_keys=True)


def _clean(value: Any) -> Any:
    """The value in canonical form: itself, where it is that already."""
    kind = type(value)
    if kind is dict:
        changed = {}
        for name, inner in value.items():
            if type(inner) not in _PLAIN:
                clean = _clean(inner)
                if clean is not inner or inner is None:
                    changed[name] = clean
        if None in changed.values():
            return {name: changed.get(name, inner) for name, inner in value.items() if inner is not None}
        return {**value, **changed} if changed else value
    if kind is list:
        return [_clean(inner) for inner in value]
    if kind is float and value.is_integer():
        return int(value)
    return value


def digest(record: Record) -> str:
    """The blake2b-128 of the canonical form, 32 hex digits."""
    return blake2b(canonical(record), digest_size=16).hexdigest()


def hash_version(stream: Stream) -> str:
    """What a hash depends on besides the record, e.g. `1.5be1`: the rules above, and the stream's aliases, secrets
    and texts.

    A new alias changes it: hashes of another version are recomputed from the stored rows (see `rehash`), so that no
    row looks changed.
    """
    rules = [(column.name, column.aliases) for column in stream.columns if column.aliases]
    text = repr((sorted(rules), sorted(stream.secrets)))
    text += repr(sorted(stream.texts)) if stream.texts else ""
    return f"{HASH_VERSION}.{blake2b(text.encode(), digest_size=2).hexdigest()}"


def to_json(value: Any) -> str:
    """Compact JSON text, keys in the order they came. RecursionError where it is nested too deeply."""
    return dumps(value).decode()


class KeyMaker:
    """Makes `_key` of a record: a JSON array of the key's parts as text, e-mail addresses in lower case.

    A part the reference lists as always present must be there: without it the record has no identity and `make`
    returns None. Any other part may be null (the text `"null"` counts as null).
    """

    def __init__(self, stream: Stream) -> None:
        self._columns = [stream.column(name) for name in stream.key]
        self._id_only = len(self._columns) == 1 and self._columns[0].name == "id"

    def make(self, record: Record) -> str | None:
        """The key of `record`, or None where a part that must be there is not."""
        if self._id_only:
            value = record.get("id")
            if type(value) is str and _WRITTEN_AS_IT_IS.fullmatch(value):
                return f'["{value}"]'  # the common case, a uuid
        parts = [_part(column, record.get(column.name)) for column in self._columns]
        if any(part is None and column.always for part, column in zip(parts, self._columns, strict=True)):
            return None
        return to_json(parts)


def _part(column: Column, value: Any) -> str | None:
    if value is None or isinstance(value, (dict, list)) or value == "":
        return None
    if value == "null" and not column.always:
        return None
    if column.type is Type.DATE and isinstance(value, str):
        return value[:10]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text.lower() if column.name == "email" else text

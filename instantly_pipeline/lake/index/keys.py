"""Keys as bytes of a fixed width that sort as their texts do, so that numpy compares and searches them.

A key that is a JSON array of one canonical lower-case UUID, as those of leads are, becomes the 16 bytes of the UUID.
Any other becomes its text, padded to a power of two: 64 bytes, or as many more as it needs. Keys of one width are of
one kind, and keys of different widths are never equal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

UUID_WIDTH = 16
_LEAST_TEXT = 64  # bytes: a UUID, a date and two numbers
_TEXT_OF_UUID = b'["00000000-0000-0000-0000-000000000000"]'
_PATTERN = np.frombuffer(_TEXT_OF_UUID, np.uint8)
_IS_DIGIT = np.equal(_PATTERN, ord("0"))
_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_VALUES = np.full(256, 255, np.uint8)  # of each byte as a hex digit; 255 for what is none
_VALUES[_DIGITS] = np.arange(16, dtype=np.uint8)

Array: TypeAlias = npt.NDArray[Any]


def encoded(keys: Sequence[str]) -> dict[int, tuple[Array, Array]]:
    """By width: the places in `keys` of the keys that have it, and these keys, both in the order of `keys`."""
    texts = [key.encode() for key in keys]
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    widths = 2 ** np.ceil(np.log2(np.maximum(sizes, _LEAST_TEXT))).astype(np.int64)
    places = np.flatnonzero(sizes == len(_PATTERN))
    uuids, is_uuid = _uuids([texts[place] for place in places])
    widths[places[is_uuid]] = UUID_WIDTH
    found = {}
    for width in np.unique(widths).tolist():
        places = np.flatnonzero(widths == width)
        texts_there = (texts[place] for place in places)
        found[width] = (places, uuids[is_uuid] if width == UUID_WIDTH else np.array(list(texts_there), f"S{width}"))
    return found


def _uuids(texts: Sequence[bytes]) -> tuple[Array, Array]:
    """The UUIDs in texts as long as a key with one, and which of them are one."""
    rows = np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), len(_PATTERN))
    digits = _VALUES[rows[:, _IS_DIGIT]]
    is_uuid = (rows[:, ~_IS_DIGIT] == _PATTERN[~_IS_DIGIT]).all(axis=1) & (digits < 16).all(axis=1)
    packed = np.ascontiguousarray(digits[:, ::2] << 4 | digits[:, 1::2])
    return packed.view(f"S{UUID_WIDTH}").ravel(), is_uuid


def decoded(keys: Array) -> list[str]:
    """The texts of keys of one width."""
    return [text.decode() for text in as_texts(keys).tolist()]


def as_texts(keys: Array) -> Array:
    """Keys of one width as padded texts, which compare with those of other widths."""
    if keys.itemsize != UUID_WIDTH:
        return keys
    packed = np.frombuffer(keys.tobytes(), np.uint8).reshape(len(keys), UUID_WIDTH)
    rows = np.tile(_PATTERN, (len(keys), 1))
    rows[:, _IS_DIGIT] = _DIGITS[np.stack([packed >> 4, packed & 15], axis=2).reshape(len(keys), 2 * UUID_WIDTH)]
    return rows.view(f"S{len(_PATTERN)}").ravel()


class Bound(NamedTuple):
    """An end of a range of keys: any text, and its encoded form."""

    text: str
    key: Array

    @classmethod
    def at(cls, text: str) -> Bound:
        """The bound at a key, or at any other text."""
        [(_, key)] = encoded([text]).values()
        return cls(text, key)

    def place_in(self, keys: Array) -> int:
        """How many of the sorted keys, of one width, are not greater."""
        if self.key.itemsize == keys.itemsize:
            return int(np.searchsorted(keys, self.key[0], "right"))
        return bisect_right(range(len(keys)), self.text, key=lambda place: decoded(keys[place : place + 1])[0])


class KeySet:
    """A set of keys in 16 bytes each, if they are UUIDs. Only grows."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._parts: dict[int, list[Array]] = {}
        self.add(keys)

    def add(self, keys: Sequence[str]) -> None:
        """Add keys, which may be there already."""
        for width, (_, found) in encoded(keys).items():
            self._parts.setdefault(width, []).append(found)

    def update(self, others: Iterable[KeySet]) -> None:
        """Add the keys of other sets."""
        for other in others:
            for width, parts in other._parts.items():
                self._parts.setdefault(width, []).extend(parts)

    def sorted(self, width: int) -> Array:
        """The keys of one width, sorted; some may be there twice."""
        parts = self._parts.get(width, [])
        return np.sort(np.concatenate(parts)) if parts else np.array([], f"S{width}")

"""Deterministic values from (seed, index): hashes, random generators, ids; and the text of timestamps."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.bytes_]

DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000
NEVER = 1 << 62
V7_SINCE = 1_760_486_400_000  # 2025-10-15: lead ids are time-ordered from here on

_HEX = np.array([f"{i:02x}".encode() for i in range(256)], dtype="S2")
_M64 = (1 << 64) - 1


def mix(x: int) -> int:
    """splitmix64 of one integer."""
    x = (x + 0x9E3779B97F4A7C15) & _M64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _M64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _M64
    return x ^ (x >> 31)


def stable(*parts: int | str) -> int:
    """One 64-bit number from a path of integers and texts; the same on every machine."""
    h = 0
    for part in parts:
        value = part if isinstance(part, int) else int.from_bytes(part.encode(), "little")
        while True:
            h = mix(h ^ (value & _M64))
            value >>= 64
            if value in (0, -1):
                break
    return h


def mix_array(x: npt.ArrayLike) -> Words:
    """splitmix64, element by element."""
    z = np.asarray(x).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def rng(*parts: int | str) -> np.random.Generator:
    """A generator for one named purpose."""
    return np.random.Generator(np.random.PCG64(stable(*parts)))


def uuid_text(hi: int, lo: int) -> str:
    """8-4-4-4-12 of two 64-bit halves."""
    text = f"{hi:016x}{lo:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid4(*parts: int | str) -> str:
    """A version 4 id from a path."""
    hi, lo = stable(*parts, 1), stable(*parts, 2)
    return uuid_text((hi & ~0xF000) | 0x4000, (lo & ((1 << 62) - 1)) | (1 << 63))


def uuid7(ms: int, *parts: int | str) -> str:
    """A version 7 id of the instant `ms` from a path."""
    hi, lo = stable(*parts, 1), stable(*parts, 2)
    return uuid_text((ms << 16) | 0x7000 | (hi & 0xFFF), (lo & ((1 << 62) - 1)) | (1 << 63))


def uuid_at(ms: int, *parts: int | str) -> str:
    """Version 7 since 2025-10-15, version 4 before, as the live API does."""
    return uuid7(ms, *parts) if ms >= V7_SINCE else uuid4(*parts)


def uuid_halves(created: Ints, gen: np.random.Generator) -> tuple[Words, Words]:
    """The two halves of an id for each creation instant, version 4 or 7 by its date."""
    n = len(created)
    hi = gen.integers(0, _M64, n, dtype=np.uint64, endpoint=True)
    lo = gen.integers(0, _M64, n, dtype=np.uint64, endpoint=True)
    lo = (lo & np.uint64((1 << 62) - 1)) | np.uint64(1 << 63)
    four = (hi & np.uint64(_M64 ^ 0xF000)) | np.uint64(0x4000)
    seven = (created.astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000) | (hi & np.uint64(0xFFF))
    return np.where(created >= V7_SINCE, seven, four), lo


def uuid_column(hi: Words, lo: Words) -> Ids:
    """Text of many ids at once, as an array of 36-byte strings."""
    raw = np.stack([hi, lo], axis=1).astype(">u8").view(np.uint8).reshape(len(hi), 16)
    pairs = _HEX[raw].view("S1").reshape(len(hi), 32)
    out = np.full((len(hi), 36), b"-", dtype="S1")
    for target, source, width in ((0, 0, 8), (9, 8, 4), (14, 12, 4), (19, 16, 4), (24, 20, 12)):
        out[:, target : target + width] = pairs[:, source : source + width]
    return np.ascontiguousarray(out).view("S36").reshape(len(hi))


def parse_uuid(text: object) -> tuple[int, int] | None:
    """The halves of an id, or None when it is not one."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    digits = text.replace("-", "")
    if len(digits) != 32 or any(text[i] != "-" for i in (8, 13, 18, 23)):
        return None
    try:
        return int(digits[:16], 16), int(digits[16:], 16)
    except ValueError:
        return None


def iso(ms: int) -> str:
    """`2026-03-05T23:10:00.557Z`."""
    whole, part = divmod(int(ms), 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{part:03d}Z"


def iso_column(ms: Ints) -> list[Any]:
    """Many instants as text at once (NEVER becomes an arbitrary text: mask it)."""
    return list(np.datetime_as_string(ms.astype("M8[ms]"), unit="ms", timezone="UTC").tolist())


def day_text(day: int) -> str:
    """`2026-03-05` of a day number since 1970."""
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"

"""The checkpoints of leads as version 0.1.0 wrote them, translated into those of `lead_state`. No I/O.

A translation takes what it is given: what of it cannot be read, `lead_state` leaves out as it does of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Checkpoint = Mapping[str, Any]

_NEVER = "0001-01-01T00:00:00+00:00"  # a slice was swept: a part of it could never be read
_ORIGINS = {"KNOWN": "given", "TRIED": "guessed", "EARLIER": "earlier"}


def _fingerprint(token: str) -> dict[str, str]:
    """From `counters|row`, which once had a third part."""
    counters, _, rest = token.partition("|")
    return {"counters": counters, "row": rest.partition("|")[0]}


def _fingerprints(old: Checkpoint) -> dict[str, Any]:
    return {campaign: _fingerprint(token) for campaign, token in old.items() if isinstance(token, str)}


def _segments(old: Checkpoint) -> dict[str, Any]:
    slices = old.get("slices")
    rows = [
        [None if part == _NEVER else part for part in row]
        for row in (slices if isinstance(slices, list) else ())
        if isinstance(row, list)
    ]
    return {"rolled_at": old.get("rolled_at"), "segments": rows}


def _scans(old: Checkpoint) -> dict[str, Any]:
    """From `campaign=<id>` and `list_id=<id>`, each with a token, or with the day where nothing is counted."""
    rows = []
    for scope, token in old.items():
        kind, _, identity = scope.partition("=")
        mark = _fingerprint(token) if isinstance(token, str) and "|" in token else {"day": token}
        rows.append({"kind": kind, "id": identity} | mark)
    return {"scans": rows}


def _sweep(old: Checkpoint) -> dict[str, Any]:
    try:
        sweep = old["sweep"]
        ranges = [[low, high, cursor, _ORIGINS[entry]] for low, high, cursor, entry in sweep["spans"]]
        return {"ranges": ranges} | {name: sweep.get(name) for name in ("started_at", "rows", "control")}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


# By the name of now: the name of then, and how what it holds is translated. The other checkpoints are as they were.
RENAMED: Mapping[str, tuple[str, Callable[[Checkpoint], dict[str, Any]]]] = {
    "leads.sweep": ("leads", _sweep),
    "leads.sweep_fingerprints": ("leads.sweep_tokens", _fingerprints),
    "leads.fingerprints": ("leads.gate", _fingerprints),
    "leads.segments": ("leads.slices", _segments),
    "leads.scans": ("leads.touched", _scans),
}

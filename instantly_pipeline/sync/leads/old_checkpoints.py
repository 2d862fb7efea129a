"""Translates the checkpoints of leads of version 0.1.0 into those of `lead_state`. No I/O.

Invalid parts are kept as they are; `lead_state` ignores them as it does in its own checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Checkpoint = Mapping[str, Any]

_NEVER = "0001-01-01T00:00:00+00:00"  # when a slice was swept that could never be read completely
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
    """From `campaign=<id>` and `list_id=<id>`, each with a token, or with the day if it has no counters."""
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


# By the current name: the old name and the translation. The other checkpoints have not changed.
RENAMED: Mapping[str, tuple[str, Callable[[Checkpoint], dict[str, Any]]]] = {
    "leads.sweep": ("leads", _sweep),
    "leads.sweep_fingerprints": ("leads.sweep_tokens", _fingerprints),
    "leads.fingerprints": ("leads.gate", _fingerprints),
    "leads.segments": ("leads.slices", _segments),
    "leads.scans": ("leads.touched", _scans),
}

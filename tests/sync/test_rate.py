"""What a sync learns of the rate, the next one knows."""

from __future__ import annotations

import json
from pathlib import Path

from tests.sync.harness import Bench


def _file(at: Bench) -> Path:
    (found,) = at.data_dir.rglob("rate.json")
    return found


def _rate(at: Bench) -> float:
    return float(json.loads(_file(at).read_bytes())["per_minute"])


def test_the_rate_a_sync_learned_is_kept_beside_the_checkpoints_and_used_by_the_next(at: Bench) -> None:
    at.fault("*", "status", status=429, times=4, skip=12)  # two probes at least are refused: it is no limit per second
    assert at.sync().exit_code == 0
    learned = _rate(at)
    assert learned
    at.clock.skipped += 3600
    assert at.sync().exit_code == 0
    assert _rate(at) == learned


def test_a_garbled_memory_of_the_rate_does_no_harm(at: Bench) -> None:
    at.fault("*", "status", status=429, times=4, skip=12)
    at.sync()
    for garbled in (b"{", b"[1]", b'{"per_minute": -1, "at": "never"}', b'{"per_minute": 1e-9}'):
        _file(at).write_bytes(garbled)
        assert at.sync("campaigns").exit_code == 0


def test_one_refusal_in_a_short_sync_does_not_slow_the_next(at: Bench) -> None:
    at.fault("*", "status", status=429, times=1, skip=12)
    assert at.sync().exit_code == 0
    assert _rate(at) > 600  # it ran at some thousands a minute

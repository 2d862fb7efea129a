"""Two checkpoints of a stream: when it was last read to its end, and whether the API has refused it since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from instantly_pipeline.lake.checkpoints import Checkpoints


@dataclass(frozen=True, slots=True)
class LastReading:
    """The last read that reached its end; `requests` are without retries."""

    at: str
    run_id: str
    requests: int | None


def last_reading(checkpoints: Checkpoints, stream: str) -> LastReading | None:
    """The last read of a stream that reached its end; None if it was never read."""
    found = checkpoints.read(_read(stream))
    if not found:
        return None
    requests = found.get("requests")
    return LastReading(str(found.get("at")), str(found.get("run_id")), requests if isinstance(requests, int) else None)


def was_refused(checkpoints: Checkpoints, stream: str) -> bool:
    """Whether the last attempt to read a stream was refused because of the key or the plan."""
    return bool(checkpoints.read(_refused(stream)))


def note_reading(checkpoints: Checkpoints, stream: str, *, at: datetime, run_id: str, requests: int) -> None:
    """Record that the stream was read to its end."""
    checkpoints.write(_read(stream), {"at": at.isoformat(), "run_id": run_id, "requests": requests})
    checkpoints.forget(_refused(stream))


def note_refusal(checkpoints: Checkpoints, stream: str, at: datetime) -> None:
    """Record that the key or the plan does not allow reading the stream."""
    checkpoints.write(_refused(stream), {"at": at.isoformat()})


def _read(stream: str) -> str:
    return f"{stream}.read"


def _refused(stream: str) -> str:
    return f"{stream}.refused"

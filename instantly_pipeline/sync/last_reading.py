"""How a stream's last reading ended: two checkpoints, of the last one that came to its end and of a refusal since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from instantly_pipeline.lake.checkpoints import Checkpoints


@dataclass(frozen=True, slots=True)
class LastReading:
    """The last reading that came to its end; `requests` are those that were made, retries apart."""

    at: str
    run_id: str
    requests: int | None


def last_reading(checkpoints: Checkpoints, stream: str) -> LastReading | None:
    """The last reading of a stream that came to its end; None where it was never read."""
    found = checkpoints.read(_read(stream))
    if not found:
        return None
    requests = found.get("requests")
    return LastReading(str(found.get("at")), str(found.get("run_id")), requests if isinstance(requests, int) else None)


def was_refused(checkpoints: Checkpoints, stream: str) -> bool:
    """Whether key or plan did not allow to read a stream when that was tried last."""
    return bool(checkpoints.read(_refused(stream)))


def note_reading(checkpoints: Checkpoints, stream: str, *, at: datetime, run_id: str, requests: int) -> None:
    """The stream was read to its end."""
    checkpoints.write(_read(stream), {"at": at.isoformat(), "run_id": run_id, "requests": requests})
    checkpoints.forget(_refused(stream))


def note_refusal(checkpoints: Checkpoints, stream: str, at: datetime) -> None:
    """Key or plan did not allow to read the stream."""
    checkpoints.write(_refused(stream), {"at": at.isoformat()})


def _read(stream: str) -> str:
    return f"{stream}.read"


def _refused(stream: str) -> str:
    return f"{stream}.refused"

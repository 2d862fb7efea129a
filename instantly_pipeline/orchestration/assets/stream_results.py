"""The results of one stream over all workspaces, for Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.sync.results import FINE, Outcome, StreamResult, SyncReport
from instantly_pipeline.visible import visible

_MOST_NAMED = 3
_WORSE = list(Outcome)  # declared from good to bad
_COUNTS = ("requests", "retries", "rows_read", "rows_inserted", "rows_updated", "rows_deleted", "rows_unchanged",
           "held_deletes", "rows_rejected", "type_mismatches")  # fmt: skip


@dataclass(slots=True)
class StreamSummary:
    """One stream in one run: the worst outcome of all workspaces, totals, and reasons."""

    stream: str
    outcome: Outcome | None = None  # None: not selected
    reasons: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    seconds: float = 0.0
    written_to: datetime | None = None
    parts: Sequence[StreamResult] = ()

    @property
    def is_fine(self) -> bool:
        """Whether there is nothing for the user to do."""
        return self.outcome is None or self.outcome in FINE


def summary(report: SyncReport, stream: str) -> StreamSummary:
    """The combined results of `stream` in all workspaces of a run."""
    found = StreamSummary(stream, parts=[s for w in report.workspaces for s in w.streams if s.stream == stream])
    ends = [part.outcome for part in found.parts]
    for part in found.parts:
        _add(found, part)
    for workspace in report.workspaces:
        if not workspace.streams and workspace.outcome is not Outcome.OK:
            ends.append(workspace.outcome)
            found.reasons.append(visible(f"{workspace.name}: {workspace.reason}"))
    found.outcome = max(ends, key=_WORSE.index, default=None)
    return found


def incomplete_tag(report: SyncReport) -> str:
    """The workspaces and streams that were not read completely, short enough for a tag; empty if all were."""
    ends = [(visible(w.name), w.outcome) for w in report.workspaces]
    ends += [(s.stream, s.outcome) for w in report.workspaces for s in w.streams]
    found = list(dict.fromkeys(f"{name} {outcome.value}" for name, outcome in ends if outcome not in FINE))
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more


def read_sentence(report: SyncReport) -> str:
    """A summary for the log of a run."""
    parts = [part for workspace in report.workspaces for part in workspace.streams]
    requests = sum(workspace.requests for workspace in report.workspaces)
    read = sum(part.rows_read for part in parts)
    written = sum(part.changes.inserted + part.changes.updated + part.changes.deleted for part in parts)
    took = (report.ended_at - report.started_at).total_seconds()
    incomplete = f" Incomplete: {found}." if (found := incomplete_tag(report)) else ""
    return (
        f"Read {read:,} rows with {requests:,} requests in {took:,.1f} s; "
        f"{written:,} rows were new, changed or deleted.{incomplete}"
    )


def read_check(report: SyncReport, stream: str) -> dg.AssetCheckResult:
    """The check of a lake asset."""
    found = summary(report, stream)
    failed = found.outcome is Outcome.FAILED
    return dg.AssetCheckResult(
        passed=found.is_fine,
        asset_key=asset_keys.lake(stream),
        check_name=asset_keys.READ_CHECK,
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
        description="\n".join([f"{_word(found)}.", *found.reasons]),
        metadata={"outcome": _word(found), **_reason(found), "held_deletes": found.counts["held_deletes"]},
    )


def read_metadata(report: SyncReport, stream: str) -> dict[str, Any]:
    """The metadata of a lake asset's materialization."""
    found = summary(report, stream)
    metadata: dict[str, Any] = {"outcome": _word(found), **_reason(found), **found.counts}
    metadata["seconds"] = round(found.seconds, 2)
    if found.written_to is not None:
        metadata["watermark"] = dg.MetadataValue.timestamp(found.written_to)
    if len(found.parts) > 1:
        metadata["workspaces"] = _table(found.parts)
    return metadata


def _add(found: StreamSummary, part: StreamResult) -> None:
    for name, value in _numbers(part).items():
        found.counts[name] += value
    if part.ended_at is not None:
        found.seconds = max(found.seconds, (part.ended_at - part.started_at).total_seconds())
    instants = [at for at in (found.written_to, part.changes.at) if at is not None]
    found.written_to = max(instants, default=None)
    if part.reason:
        found.reasons.append(visible(f"{part.workspace}: {part.reason}"))


def _numbers(part: StreamResult) -> dict[str, int]:
    changes = part.changes
    values = (part.requests, part.retries, part.rows_read, changes.inserted, changes.updated, changes.deleted,
              changes.unchanged, part.held_deletes, part.rejected.total(), part.type_mismatches)  # fmt: skip
    return dict(zip(_COUNTS, values, strict=True))


def _word(found: StreamSummary) -> str:
    return found.outcome.value if found.outcome else "not selected (INSTANTLY_STREAMS)"


def _reason(found: StreamSummary) -> dict[str, str]:
    return {"reason": "\n".join(found.reasons)} if found.reasons else {}


def _table(parts: Sequence[StreamResult]) -> dg.TableMetadataValue:
    records: list[dict[str, str | int]] = [
        {"workspace": visible(part.workspace), "outcome": part.outcome.value, **_numbers(part)} for part in parts
    ]
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records])

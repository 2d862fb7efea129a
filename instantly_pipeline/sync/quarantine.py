"""Logs records that differ from the stream's declaration: type mismatches, rejected records, schema drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from instantly_pipeline.lake.logs import LogWriter
from instantly_pipeline.lake.records.normalize import DOES_NOT_FIT, Anomaly, Batch, Drift, Rejected
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.results import StreamResult

NAMED = 1_000  # records per anomaly and run that are logged by key; the others are only counted


class Quarantine:
    """The log rows about one stream in one run; they are written with the next flush."""

    def __init__(self, logs: LogWriter, now: Callable[[], datetime], stream: Stream, result: StreamResult) -> None:
        self._logs, self._now, self._stream, self._result = logs, now, stream, result
        self._seen: set[tuple[str | None, str]] = set()
        self._named: Counter[tuple[str, str]] = Counter()

    def note(self, batch: Batch) -> None:
        """Log what normalizing a batch has found."""
        self._note_anomalies(batch.anomalies)
        self._note_drift(batch.drift)
        self._note_rejected(batch.rejected)

    def note_no_records(self, count: int) -> None:
        """Log entries of a page that were not objects; nothing of them is kept."""
        self._result.rejected["not a record"] += count
        self._add(None, "entries of a page were not records", expected="object", occurrences=count)

    def _note_anomalies(self, anomalies: Sequence[Anomaly]) -> None:
        """Log each anomaly of a record once per run, with its key; above `NAMED`, only how many there are."""
        self._result.type_mismatches += sum(one.reason == DOES_NOT_FIT for one in anomalies)
        more: Counter[Anomaly] = Counter()
        for one in anomalies:
            if self._named[one.column, one.reason] >= NAMED:
                more[replace(one, key=None)] += 1
                continue
            self._named[one.column, one.reason] += 1
            if (one.key, one.column + one.reason) not in self._seen:
                self._seen.add((one.key, one.column + one.reason))
                self._add_anomaly(one)
        for one, occurrences in more.items():
            self._add_anomaly(one, occurrences)

    def _add_anomaly(self, one: Anomaly, occurrences: int = 1) -> None:
        self._add(one.key, one.reason, column=one.column, expected=one.expected, found_type=one.found,
                  occurrences=occurrences)  # fmt: skip

    def _note_drift(self, drift: Counter[Drift]) -> None:
        for what, times in drift.items():
            self._logs.add(
                "schema_drift", stream=self._stream.name, field=what.field, kind=what.kind, seen_at=self._now(),
                times=times,
            )  # fmt: skip

    def _note_rejected(self, rejected: Sequence[Rejected]) -> None:
        for (key, reason), occurrences in Counter((one.key, one.reason) for one in rejected).items():
            self._result.rejected[reason] += occurrences
            kept = f"{reason}; kept in the lake's log of rejected records"
            self._add(key, kept, column=",".join(self._stream.key), occurrences=occurrences)
        for one in rejected:
            self._logs.add(
                "rejected", stream=self._stream.name, record=one.text, reason=one.reason, seen_at=self._now()
            )

    def _add(
        self, key: str | None, reason: str, *, column: str = "", expected: str = "", found_type: str = "",
        occurrences: int,
    ) -> None:  # fmt: skip
        self._logs.add(
            "quarantine", stream=self._stream.name, key=key, column=column, expected=expected, found_type=found_type,
            reason=reason, seen_at=self._now(), occurrences=occurrences,
        )  # fmt: skip

"""The checkpoints of leads. The only module that reads and writes them.

A workspace has eleven, all below `leads.`, each written only after the rows it covers have landed:

- `fingerprints`: the state of each campaign when its leads were last read completely;
- `scans`: campaigns and lists read since then, whose missing leads are not yet resolved;
- `swept` and `segments`: when all leads, and each segment of them, were last read;
- `tail`: the key up to which new leads were read since then; scans may have found leads after it;
- `sweep` and `sweep_fingerprints`: an unfinished sweep;
- `missing.<n>`: leads that were not returned, and the API's answer to their ids;
- `audit`: up to which entry the audit log was looked at, and leads it has named without their campaign;
- `server`: how the API lists leads; `distrust`: why campaigns that look unchanged are read anyway.

An invalid checkpoint counts as missing: its leads are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.sync.instants import instant
from instantly_pipeline.sync.leads.keyspace import CursorOrigin, KeyRange
from instantly_pipeline.sync.leads.old_checkpoints import RENAMED
from instantly_pipeline.sync.leads.scope import Kind, Scope

FINGERPRINTS, SCANS, SEGMENTS = "leads.fingerprints", "leads.scans", "leads.segments"
SWEEP, SWEEP_FINGERPRINTS, SWEPT = "leads.sweep", "leads.sweep_fingerprints", "leads.swept"
MISSING, SERVER, DISTRUST, TAIL = "leads.missing.", "leads.server", "leads.distrust", "leads.tail"
AUDIT = "leads.audit"
DISTRUSTED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class CampaignFingerprint:
    """The hashes of a campaign's counters and of its row; empty if there are none."""

    counters: str
    row: str


ScanMark = CampaignFingerprint | date  # the state of a campaign or list when scanned; the day if it has no counters


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of all leads, and when it was last swept; None if some of it could never be read."""

    keys: KeyRange
    swept_at: datetime | None


@dataclass(frozen=True, slots=True)
class Segments:
    """All segments, in order; `rolled_at` is when the last due segment was swept."""

    all: tuple[Segment, ...] = ()
    rolled_at: datetime | None = None

    @property
    def unread(self) -> list[Segment]:
        """Segments that could never be read completely."""
        return [one for one in self.all if one.swept_at is None]


@dataclass(frozen=True, slots=True)
class UnfinishedSweep:
    """An unfinished sweep: the ranges left, and `control`, the key of a lead that it has read."""

    started_at: datetime
    rows: int
    ranges: tuple[KeyRange, ...]
    control: str | None


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why campaign counters are not trusted to show changes, and since when."""

    why: str
    at: datetime


class Answer(StrEnum):
    """How reliable it is that leads missing from a response by id do not exist."""

    CONFIRMED = "confirmed"
    SILENT = "silent"  # a lead known to exist is missing too
    IGNORED = "ignored"  # the API refuses requests by id, or returns other leads than requested


class LeadState:
    """The checkpoints of the leads of one workspace. Timestamps written with a wrong clock are capped at `now`."""

    def __init__(self, checkpoints: Checkpoints, now: Callable[[], datetime]) -> None:
        self._checkpoints = checkpoints
        self._now = now

    # questions

    def last_fingerprints(self) -> dict[str, CampaignFingerprint]:
        """The state of the campaigns, by id, when their leads were last read."""
        return _fingerprints(self._read(FINGERPRINTS))

    def scans(self) -> dict[Scope, ScanMark]:
        """The campaigns and lists read since then; their missing leads are not yet resolved."""
        rows = self._read(SCANS).get("scans")
        found = map(_scan, rows if isinstance(rows, list) else [])
        return dict(one for one in found if one is not None)

    def swept_at(self) -> datetime | None:
        """When all leads were last read; None if never."""
        return self._instant(self._read(SWEPT).get("at"))

    def segments(self) -> Segments:
        """The segments that are swept in turn; none before the first complete sweep."""
        found = self._read(SEGMENTS)
        try:
            rows = [(KeyRange.between(low, high), self._instant(at)) for low, high, at in found.get("segments") or ()]
        except (TypeError, ValueError):
            return Segments()
        return Segments(tuple(Segment(keys, at) for keys, at in rows), self._instant(found.get("rolled_at")))

    def tail(self) -> str | None:
        """The key up to which the tail was read since the last complete read; None if it was not."""
        found = self._read(TAIL).get("read_to")
        return found if isinstance(found, str) else None

    def unfinished_sweep(self) -> UnfinishedSweep | None:
        """A sweep that was interrupted, if any."""
        found = self._read(SWEEP)
        started_at, control, rows = self._instant(found.get("started_at")), found.get("control"), found.get("rows")
        try:
            ranges = [KeyRange(low, high, at, CursorOrigin(origin)) for low, high, at, origin in found["ranges"]]
        except (KeyError, TypeError, ValueError):
            return None
        if started_at is None:
            return None
        return UnfinishedSweep(
            started_at,
            rows if isinstance(rows, int) else 0,
            tuple(ranges),
            control if isinstance(control, str) else None,
        )

    def sweep_fingerprints(self) -> dict[str, CampaignFingerprint]:
        """The state of the campaigns before the unfinished sweep started."""
        return _fingerprints(self._read(SWEEP_FINGERPRINTS))

    def missing(self) -> dict[Answer, set[str]]:
        """The missing leads that are not yet resolved, by the API's answer to their ids."""
        parts = [self._read(name) for name in self._checkpoints.names(MISSING)]
        return {answer: {key for part in parts for key in _texts(part.get(answer))} for answer in Answer}

    def has_missing(self) -> bool:
        """Whether an interrupted run has left missing leads."""
        return bool(self._checkpoints.names(MISSING))

    def is_by_parent(self) -> bool:
        """Whether the API lists leads only by campaign or list."""
        return bool(self._read(SERVER).get("by_parent"))

    def takes_any_id(self) -> bool | None:
        """Whether the API accepts any id as a cursor; None if unknown."""
        found = self._read(SERVER).get("any_id")
        return found if isinstance(found, bool) else None

    def audit_read_to(self) -> int | None:
        """The version of the newest entry of the audit log when leads were last read; None if none was looked at."""
        found = self._read(AUDIT).get("read_to")
        return found if isinstance(found, int) else None

    def unplaced(self) -> int:
        """How many leads the audit log has named without their campaign or list since all leads were last read."""
        found = self._read(AUDIT).get("unplaced")
        return found if isinstance(found, int) else 0

    def distrust(self) -> Distrust | None:
        """Why campaigns that look unchanged must be read anyway; None if there is no reason, or it is a week old."""
        found = self._read(DISTRUST)
        at = self._instant(found.get("at"))
        if at is None or self._now() - at >= DISTRUSTED_FOR:
            return None
        return Distrust(str(found.get("why", "")), at)

    # commands

    def migrate(self) -> bool:
        """Rename the checkpoints of version 0.1.0. Returns whether there were any."""
        there = set(self._checkpoints.names("leads"))
        old_names = {name: old_name for name, (old_name, _) in RENAMED.items() if old_name in there}
        for name, old_name in old_names.items():
            self._checkpoints.write(name, self._read(name))
            self._checkpoints.forget(old_name)
        return bool(old_names)

    def begin_sweep(self, sweep: UnfinishedSweep, fingerprints: Mapping[str, CampaignFingerprint]) -> None:
        """Record that a sweep starts; `fingerprints` are the current ones.

        Deletes the missing leads of scans and segments: only a finished sweep counts from here on.
        """
        self._checkpoints.forget(SWEEP)
        self._checkpoints.write(SWEEP_FINGERPRINTS, _written(fingerprints))
        self.save_sweep(sweep)
        self.forget_missing()

    def save_sweep(self, sweep: UnfinishedSweep) -> None:
        """Record the progress of a sweep."""
        ranges = [[one.low, one.high, one.cursor, one.origin] for one in sweep.ranges]
        state = {"started_at": sweep.started_at.isoformat(), "rows": sweep.rows, "control": sweep.control}
        self._checkpoints.write(SWEEP, state | {"ranges": ranges})

    def record_sweep(
        self,
        fingerprints: Mapping[str, CampaignFingerprint],
        segments: Iterable[KeyRange],
        *,
        unread: Sequence[KeyRange] = (),
    ) -> None:
        """Record that everything was read and resolved, except `unread` ranges: their segments stay due.

        `fingerprints` are from before the sweep started.
        """
        now = self._now()
        swept = [Segment(keys, None if any(map(keys.is_overlapping, unread)) else now) for keys in segments]
        self._write_segments(Segments(tuple(swept), now))
        self._checkpoints.write(FINGERPRINTS, _written(fingerprints))
        self._checkpoints.write(SWEPT, {"at": now.isoformat()})
        for name in (TAIL, SWEEP, SWEEP_FINGERPRINTS):
            self._checkpoints.forget(name)
        self.forget_missing()

    def record_segments(
        self, ranges: Sequence[KeyRange], *, unread: Sequence[KeyRange] = (), is_all: bool = False
    ) -> None:
        """Record that the segments within `ranges` were swept, except those that overlap `unread`.

        `is_all`: no other segment was due.
        """
        now, before = self._now(), self.segments()
        swept = tuple(
            replace(one, swept_at=now)
            if any(map(one.keys.is_within, ranges)) and not any(map(one.keys.is_overlapping, unread))
            else one
            for one in before.all
        )
        self._write_segments(Segments(swept, now if is_all or before.rolled_at is None else before.rolled_at))

    def forget_segments(self) -> None:
        """Delete the segments: the next sync sweeps everything."""
        self._checkpoints.forget(SEGMENTS)

    def record_tail(self, read_to: str) -> None:
        """Record that the tail was read up to this key."""
        self._checkpoints.write(TAIL, {"read_to": read_to})

    def record_scan(self, marks: Mapping[Scope, ScanMark]) -> None:
        """Record that campaigns and lists were read completely; their missing leads are not yet resolved."""
        rows = [
            {"kind": scope.kind, "id": scope.id}
            | ({"day": mark.isoformat()} if isinstance(mark, date) else _as_dict(mark))
            for scope, mark in (self.scans() | dict(marks)).items()
        ]
        self._checkpoints.write(SCANS, {"scans": rows})

    def commit_scans(self, campaigns: Collection[str]) -> None:
        """Record that missing leads are resolved: the scans of `campaigns` become their last fingerprints."""
        scanned = {
            scope.id: mark
            for scope, mark in self.scans().items()
            if scope.campaign_id in campaigns and isinstance(mark, CampaignFingerprint)
        }
        self._checkpoints.write(FINGERPRINTS, _written(self.last_fingerprints() | scanned))
        self._checkpoints.forget(SCANS)

    def add_missing(self, keys: Mapping[Answer, Sequence[str]]) -> None:
        """Record missing leads by the API's answer to their ids."""
        there = self._checkpoints.names(MISSING)
        number = int(there[-1].removeprefix(MISSING)) + 1 if there else 0
        self._checkpoints.write(f"{MISSING}{number:06}", {answer.value: list(found) for answer, found in keys.items()})

    def replace_missing(self, keys: Mapping[Answer, Sequence[str]]) -> None:
        """Record the leads that are still missing after all were looked up again."""
        before = self._checkpoints.names(MISSING)
        self.add_missing(keys)
        for name in before:
            self._checkpoints.forget(name)

    def forget_missing(self) -> None:
        """Delete the missing leads and uncommitted scans: they are resolved, or the read starts over."""
        for name in (SCANS, *self._checkpoints.names(MISSING)):
            self._checkpoints.forget(name)

    def record_audit(self, read_to: int | None, *, unplaced: int) -> None:
        """Record that what the audit log names was read, but for so many `unplaced` leads."""
        if read_to is not None:
            self._checkpoints.write(AUDIT, {"read_to": read_to, "unplaced": unplaced})

    def record_by_parent(self, *, is_so: bool) -> None:
        """Record whether the API lists leads only by campaign or list."""
        self._checkpoints.write(SERVER, self._read(SERVER) | {"by_parent": is_so})

    def record_any_id(self, *, is_so: bool) -> None:
        """Record whether the API accepts any id as a cursor."""
        self._checkpoints.write(SERVER, self._read(SERVER) | {"any_id": is_so})

    def record_distrust(self, why: str) -> None:
        """Record that everything is swept for a week from now."""
        self._checkpoints.write(DISTRUST, {"why": why, "at": self._now().isoformat()})

    def _read(self, name: str) -> dict[str, Any]:
        """A checkpoint, from its old name if version 0.1.0 left one there."""
        if name in RENAMED:
            old_name, translate = RENAMED[name]
            if old := self._checkpoints.read(old_name):
                return translate(old)
        return self._checkpoints.read(name)

    def _write_segments(self, segments: Segments) -> None:
        rows = [[one.keys.low, one.keys.high, one.swept_at and one.swept_at.isoformat()] for one in segments.all]
        rolled_at = segments.rolled_at and segments.rolled_at.isoformat()
        self._checkpoints.write(SEGMENTS, {"rolled_at": rolled_at, "segments": rows})

    def _instant(self, text: object) -> datetime | None:
        return instant(text, self._now())


def _fingerprint(found: object) -> CampaignFingerprint | None:
    if not isinstance(found, dict):
        return None
    counters, row = found.get("counters"), found.get("row")
    return CampaignFingerprint(counters, row) if isinstance(counters, str) and isinstance(row, str) else None


def _fingerprints(found: Mapping[str, Any]) -> dict[str, CampaignFingerprint]:
    read = {campaign: _fingerprint(one) for campaign, one in found.items()}
    return {campaign: one for campaign, one in read.items() if one is not None}


def _as_dict(fingerprint: CampaignFingerprint) -> dict[str, str]:
    return {"counters": fingerprint.counters, "row": fingerprint.row}


def _written(fingerprints: Mapping[str, CampaignFingerprint]) -> dict[str, Any]:
    return {campaign: _as_dict(one) for campaign, one in fingerprints.items()}


def _scan(row: object) -> tuple[Scope, ScanMark] | None:
    try:
        scope = Scope(Kind(row["kind"]), str(row["id"]))  # type: ignore[index]
        mark = _fingerprint(row) or date.fromisoformat(row["day"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None
    return scope, mark


def _texts(found: object) -> list[str]:
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

"""What is remembered of the leads from run to run. The one place that reads and writes their checkpoints.

Ten checkpoints of a workspace, all below `leads.`, each moved only after the rows it speaks of have landed:

- `fingerprints`: how each campaign looked when its leads were last read whole;
- `scans`: campaigns and lists that were read since, of which what is missing is yet to be resolved;
- `swept` and `segments`: when all leads were read last, and when each part of the whole was;
- `tail`: up to where new leads were read since; others may have come before those that scans show;
- `sweep` and `sweep_fingerprints`: a sweep that has not come to its end;
- `missing.<n>`: leads that were not seen, and what the API said when it was asked for them by id;
- `server`: how the API lists leads; `distrust`: why campaigns that look unchanged are read all the same.

What cannot be read was never known: the leads concerned are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from instantly_pipeline.api.clock import MAX_SKEW
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.sync.leads.keyspace import CursorOrigin, KeyRange
from instantly_pipeline.sync.leads.old_checkpoints import RENAMED
from instantly_pipeline.sync.leads.scope import Kind, Scope

FINGERPRINTS, SCANS, SEGMENTS = "leads.fingerprints", "leads.scans", "leads.segments"
SWEEP, SWEEP_FINGERPRINTS, SWEPT = "leads.sweep", "leads.sweep_fingerprints", "leads.swept"
MISSING, SERVER, DISTRUST, TAIL = "leads.missing.", "leads.server", "leads.distrust", "leads.tail"
DISTRUSTED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class CampaignFingerprint:
    """What a campaign looked like: the hashes of its counters and of its own row; empty where there are none."""

    counters: str
    row: str


ScanMark = CampaignFingerprint | date  # a campaign or list as it was scanned; by the day where nothing is counted


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of all leads, and when it was swept last; None where some of it never could be."""

    keys: KeyRange
    swept_at: datetime | None


@dataclass(frozen=True, slots=True)
class Segments:
    """The parts of all leads, in order; `rolled_at` is when those that were due had all been swept."""

    all: tuple[Segment, ...] = ()
    rolled_at: datetime | None = None

    @property
    def unread(self) -> list[Segment]:
        """Those of which a part could never be read."""
        return [one for one in self.all if one.swept_at is None]


@dataclass(frozen=True, slots=True)
class UnfinishedSweep:
    """A sweep that has not come to its end: what is left, and `control`, a lead that it has seen."""

    started_at: datetime
    rows: int
    ranges: tuple[KeyRange, ...]
    control: str | None


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why the counters of campaigns are not trusted to show what changed, and since when."""

    why: str
    at: datetime


class Answer(StrEnum):
    """What an answer by id is worth for the ids it leaves out."""

    CONFIRMED = "confirmed"
    SILENT = "silent"
    IGNORED = "ignored"  # the server cannot be asked: it names leads nobody asked for, or refuses the question


class LeadState:
    """The checkpoints of the leads of one workspace. `now` bounds instants that a wrong clock has written."""

    def __init__(self, checkpoints: Checkpoints, now: Callable[[], datetime]) -> None:
        self._checkpoints = checkpoints
        self._now = now

    # questions

    def last_fingerprints(self) -> dict[str, CampaignFingerprint]:
        """The campaigns, by id, as they were when their leads were last read."""
        return _fingerprints(self._read(FINGERPRINTS))

    def scans(self) -> dict[Scope, ScanMark]:
        """The campaigns and lists that were read since, as they were then; what is missing is yet to be resolved."""
        rows = self._read(SCANS).get("scans")
        found = map(_scan, rows if isinstance(rows, list) else [])
        return dict(one for one in found if one is not None)

    def swept_at(self) -> datetime | None:
        """When all leads were read last; None where they never were."""
        return self._instant(self._read(SWEPT).get("at"))

    def segments(self) -> Segments:
        """The parts that are swept in turn; none where everything has to be swept first."""
        found = self._read(SEGMENTS)
        try:
            rows = [(KeyRange.between(low, high), self._instant(at)) for low, high, at in found.get("segments") or ()]
        except (TypeError, ValueError):
            return Segments()
        return Segments(tuple(Segment(keys, at) for keys, at in rows), self._instant(found.get("rolled_at")))

    def tail(self) -> str | None:
        """The key up to which the tail was read since all leads were read last; None where it was not."""
        found = self._read(TAIL).get("read_to")
        return found if isinstance(found, str) else None

    def unfinished_sweep(self) -> UnfinishedSweep | None:
        """A sweep that was interrupted."""
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
        """The campaigns as they were before the unfinished sweep began."""
        return _fingerprints(self._read(SWEEP_FINGERPRINTS))

    def missing(self) -> dict[Answer, set[str]]:
        """The leads that were not seen and are yet to be resolved, by what the API said to their ids."""
        parts = [self._read(name) for name in self._checkpoints.names(MISSING)]
        return {answer: {key for part in parts for key in _texts(part.get(answer))} for answer in Answer}

    def has_missing(self) -> bool:
        """Whether a run that was interrupted has left leads to be resolved."""
        return bool(self._checkpoints.names(MISSING))

    def is_by_parent(self) -> bool:
        """Whether the API has shown that it lists leads by campaign or list only."""
        return bool(self._read(SERVER).get("by_parent"))

    def takes_any_id(self) -> bool | None:
        """Whether the API takes any id as a cursor; None where that is not known yet."""
        found = self._read(SERVER).get("any_id")
        return found if isinstance(found, bool) else None

    def distrust(self) -> Distrust | None:
        """Why campaigns that look unchanged have to be read; None where it was never found, or a week has gone by."""
        found = self._read(DISTRUST)
        at = self._instant(found.get("at"))
        if at is None or self._now() - at >= DISTRUSTED_FOR:
            return None
        return Distrust(str(found.get("why", "")), at)

    # commands

    def migrate(self) -> bool:
        """Rename the checkpoints of version 0.1.0; whether there were any."""
        there = set(self._checkpoints.names("leads"))
        old_names = {name: old_name for name, (old_name, _) in RENAMED.items() if old_name in there}
        for name, old_name in old_names.items():
            self._checkpoints.write(name, self._read(name))
            self._checkpoints.forget(old_name)
        return bool(old_names)

    def begin_sweep(self, sweep: UnfinishedSweep, fingerprints: Mapping[str, CampaignFingerprint]) -> None:
        """A sweep begins; `fingerprints` are those of now.

        From here on only a sweep that comes to its end will do: what was missing in scans and segments is dropped.
        """
        self._checkpoints.forget(SWEEP)
        self._checkpoints.write(SWEEP_FINGERPRINTS, _written(fingerprints))
        self.save_sweep(sweep)
        self.forget_missing()

    def save_sweep(self, sweep: UnfinishedSweep) -> None:
        """How far a sweep has come."""
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
        """Everything was read and resolved, but for what could not be: the segments it lies in stay due.

        `fingerprints` are those from before the sweep began.
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
        """The segments within some ranges were swept, but for those with something that could not be read.

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
        """The segments are no longer what they were: the next sync sweeps everything."""
        self._checkpoints.forget(SEGMENTS)

    def record_tail(self, read_to: str) -> None:
        """The tail was read up to this key."""
        self._checkpoints.write(TAIL, {"read_to": read_to})

    def record_scan(self, marks: Mapping[Scope, ScanMark]) -> None:
        """Campaigns and lists were read whole; what was missing there is yet to be resolved."""
        rows = [
            {"kind": scope.kind, "id": scope.id}
            | ({"day": mark.isoformat()} if isinstance(mark, date) else _as_dict(mark))
            for scope, mark in (self.scans() | dict(marks)).items()
        ]
        self._checkpoints.write(SCANS, {"scans": rows})

    def commit_scans(self, campaigns: Collection[str]) -> None:
        """What the scans found missing is resolved: those of these campaigns count from now on."""
        scanned = {
            scope.id: mark
            for scope, mark in self.scans().items()
            if scope.campaign_id in campaigns and isinstance(mark, CampaignFingerprint)
        }
        self._checkpoints.write(FINGERPRINTS, _written(self.last_fingerprints() | scanned))
        self._checkpoints.forget(SCANS)

    def add_missing(self, keys: Mapping[Answer, Sequence[str]]) -> None:
        """Leads were not seen, and the API said so or so when it was asked for them by id."""
        there = self._checkpoints.names(MISSING)
        number = int(there[-1].removeprefix(MISSING)) + 1 if there else 0
        self._checkpoints.write(f"{MISSING}{number:06}", {answer.value: list(found) for answer, found in keys.items()})

    def replace_missing(self, keys: Mapping[Answer, Sequence[str]]) -> None:
        """All that was missing was asked for again, and these are missing still."""
        before = self._checkpoints.names(MISSING)
        self.add_missing(keys)
        for name in before:
            self._checkpoints.forget(name)

    def forget_missing(self) -> None:
        """What was missing is resolved, or is looked for from the beginning: by scans, too, that are not committed."""
        for name in (SCANS, *self._checkpoints.names(MISSING)):
            self._checkpoints.forget(name)

    def record_by_parent(self, *, is_so: bool) -> None:
        """Whether the API lists leads by campaign or list only."""
        self._checkpoints.write(SERVER, self._read(SERVER) | {"by_parent": is_so})

    def record_any_id(self, *, is_so: bool) -> None:
        """Whether the API takes any id as a cursor."""
        self._checkpoints.write(SERVER, self._read(SERVER) | {"any_id": is_so})

    def record_distrust(self, why: str) -> None:
        """From now on, for a week, everything is swept."""
        self._checkpoints.write(DISTRUST, {"why": why, "at": self._now().isoformat()})

    def _read(self, name: str) -> dict[str, Any]:
        """A checkpoint; from its old one where there is one: only version 0.1.0 leaves it there."""
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


def instant(text: object, now: datetime) -> datetime | None:
    """An instant as a checkpoint has it, now at the latest; None for anything else, such as one without its offset.

    None also where it lies ahead by more than clocks may differ: it was noted by a clock that was wrong, and when that
    was is not known.
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return min(at, now) if at is not None and at.tzinfo is not None and at - now <= MAX_SKEW else None


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

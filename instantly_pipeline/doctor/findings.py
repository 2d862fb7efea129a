"""What the doctor finds: one line each, with how it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a finding stands, from good to bad."""

    OK = "ok"
    INFO = "info"  # worth knowing; nothing fails for it
    WARN = "warn"  # a sync works, without some of the data
    FAIL = "fail"  # a sync does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination; `said` ends with what to do where something is to be done."""

    about: str
    health: Health
    said: str


def exit_code(findings: Iterable[Finding]) -> int:
    """0 all well, 2 where a sync cannot work, 3 where it works without some of the data."""
    found = {finding.health for finding in findings}
    if Health.FAIL in found:
        return 2
    return 3 if Health.WARN in found else 0

"""The findings of the doctor, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """The severity of a finding, from good to bad."""

    OK = "ok"
    INFO = "info"  # a sync works
    WARN = "warn"  # a sync works, but some data would be missing
    FAIL = "fail"  # a sync does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `said` ends with what to do, if anything."""

    about: str
    health: Health
    said: str


def exit_code(findings: Iterable[Finding]) -> int:
    """0 success, 2 if a sync cannot work, 3 if it works but some data would be missing."""
    found = {finding.health for finding in findings}
    if Health.FAIL in found:
        return 2
    return 3 if Health.WARN in found else 0

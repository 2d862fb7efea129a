"""Check results for Dagster: which check failed, by how many rows, and how to see these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from instantly_pipeline.orchestration.assets import asset_keys
from instantly_pipeline.run import freshness
from instantly_pipeline.sync.results import FINE
from instantly_pipeline.visible import visible
from instantly_pipeline.warehouse.checks.checks import CheckResult
from instantly_pipeline.warehouse.published.status import StreamStatus

_MOST_SHOWN = 5  # queries for failing rows
_TEXTS, _NUMBERS = ("workspace", "stream", "outcome", "last_read_in_full"), ("rows", "held_deletes")
_STREAMS = dg.TableSchema(
    [*(dg.TableColumn(t, "string") for t in _TEXTS), *(dg.TableColumn(n, "int") for n in _NUMBERS)]
)


def outcome_sentence(results: Sequence[CheckResult]) -> str:
    """How many checks passed, for the log of a run."""
    failed = [result for result in results if not result.passed]
    blocking = sum(result.blocking for result in failed)
    if not failed:
        return f"All {len(results)} checks passed."
    effect = "nothing is published" if blocking else "the failed ones are only warnings"
    return f"{len(results) - len(failed)} of {len(results)} checks passed; {effect}."


def check_result(key: dg.AssetCheckKey, results: Iterable[CheckResult]) -> dg.AssetCheckResult:
    """The Dagster check `key` of a table, combined from its checks' `results`. Contains no values of rows."""
    checks = list(results)
    failed = [result for result in checks if not result.passed]
    blocking = key.name == asset_keys.CONTRACT_CHECK
    metadata: dict[str, Any] = {"checks_run": len(checks), "failed": len(failed)}
    metadata["checks"] = dg.MetadataValue.md("\n".join(f"- {r.name.removeprefix(f'{r.model}: ')}" for r in checks))
    if failed:
        metadata["failing_rows"] = sum(result.failing_rows for result in failed)
        metadata["failed_checks"] = dg.MetadataValue.md("\n".join(f"- {r.name}: {r.failing_rows} rows" for r in failed))
        commands = (f"```sh\n{one.to_see_the_rows}\n```" for one in failed[:_MOST_SHOWN])
        metadata["to_see_the_rows"] = dg.MetadataValue.md("\n\n".join(commands))
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=key.asset_key,
        check_name=key.name,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{one.name}: {one.failing_rows} rows ({one.description})" for one in failed)
        or f"All {len(checks)} checks passed.",
        metadata=metadata,
    )


def streams_table(streams: Sequence[StreamStatus]) -> dg.TableMetadataValue:
    """The status of every stream in the published file; those with problems first."""
    ordered = sorted(streams, key=lambda one: (one.outcome in FINE, one.workspace_name, one.stream))
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "workspace": visible(one.workspace_name),
                    "stream": one.stream,
                    "outcome": one.outcome or "",
                    "last_read_in_full": _instant(one.last_success_at),
                    "rows": one.rows,
                    "held_deletes": one.held_deletes,
                }
            )
            for one in ordered
        ],
        schema=_STREAMS,
    )


def complete_result(streams: Sequence[StreamStatus]) -> dg.AssetCheckResult:
    """The check whether the last sync of each stream was complete."""
    incomplete = freshness.incomplete(streams)
    lines = [visible(f"{one.workspace_name}, {one.stream}: {one.outcome}: {one.reason or ''}") for one in incomplete]
    metadata: dict[str, Any] = {"streams": len(streams), "incomplete": len(incomplete)}
    if incomplete:
        metadata["incomplete_streams"] = streams_table(incomplete)
    return _published_check(
        asset_keys.COMPLETE_CHECK,
        passed=not incomplete,
        description="\n\n".join(lines) or f"The last sync of all {len(streams)} streams was complete.",
        metadata=metadata,
    )


def fresh_result(streams: Sequence[StreamStatus], *, now: datetime) -> dg.AssetCheckResult:
    """The check whether each stream was read in full in time, from the published file."""
    late = freshness.late(streams, now=now)
    metadata: dict[str, Any] = {"streams": len(streams), "late": len(late)}
    if late:
        metadata["late_streams"] = streams_table(late)
    return _published_check(
        asset_keys.FRESH_CHECK,
        passed=not late,
        description=f"{len(streams) - len(late)} of {len(streams)} streams were read in full in time.",
        metadata=metadata,
    )


def _published_check(name: str, *, passed: bool, description: str, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=asset_keys.PUBLISHED,
        check_name=name,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


def _instant(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"

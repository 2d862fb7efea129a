"""What the pipeline notes about itself, kept in the lake like any stream so that the warehouse can be rebuilt whole.

Each log is a table of rows that are only ever added; the warehouse folds them into the tables of `meta`.
"""

from __future__ import annotations

import pyarrow as pa

from instantly_pipeline.lake.schema import UTC_MICROS

_TEXT, _INT, _BOOL = pa.string(), pa.int64(), pa.bool_()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


LOGS: dict[str, pa.Schema] = {
    # one row when a workspace's run begins (outcome `running`) and one when it ends; the later counts
    "sync_runs": _schema(
        run_id=_TEXT, workspace_id=_TEXT, workspace_name=_TEXT, started_at=UTC_MICROS, ended_at=UTC_MICROS,
        outcome=_TEXT, reason=_TEXT, full=_BOOL, planned_requests=_INT, requests=_INT, responses_429=_INT,
        retries=_INT, rows_upserted=_INT, rows_deleted=_INT,
    ),
    # one row per stream and run: outcome is ok, partial, skipped or failed
    "stream_status": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, outcome=_TEXT, reason=_TEXT, started_at=UTC_MICROS,
        ended_at=UTC_MICROS, planned_requests=_INT, requests=_INT, responses_429=_INT, retries=_INT, rows_read=_INT,
        rows_inserted=_INT, rows_updated=_INT, rows_deleted=_INT, rows_unchanged=_INT, partial=_BOOL,
        held_deletes=_INT,
    ),
    # every key in (key_from, key_to] was compared with the API at verified_at; a null bound is open
    "verified": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, key_from=_TEXT, key_to=_TEXT, verified_at=UTC_MICROS
    ),
    "quarantine": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, key=_TEXT, column=_TEXT, expected=_TEXT, found=_TEXT,
        reason=_TEXT, seen_at=UTC_MICROS, times=_INT,
    ),
    "schema_drift": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, field=_TEXT, kind=_TEXT, seen_at=UTC_MICROS, times=_INT
    ),
    # records without a key, whole (JSON text): in the lake so that nothing is lost, in no table
    "rejected": _schema(run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, record=_TEXT, reason=_TEXT, seen_at=UTC_MICROS),
    # deletions that looked suspicious and were not carried out; state is `held` or `released`, the later row counts
    "held_deletes": _schema(
        run_id=_TEXT, workspace_id=_TEXT, stream=_TEXT, key=_TEXT, state=_TEXT, reason=_TEXT, noted_at=UTC_MICROS
    ),
    "reconciliation": _schema(
        run_id=_TEXT, workspace_id=_TEXT, campaign_id=_TEXT, metric=_TEXT, ours=pa.float64(), theirs=pa.float64(),
        difference=pa.float64(), checked_at=UTC_MICROS,
    ),
    # synced_to: JSON, workspace id -> greatest `_synced_at` that is in the published file
    "published": _schema(run_id=_TEXT, published_at=UTC_MICROS, storage_version=_TEXT, synced_to=_TEXT),
}  # fmt: skip

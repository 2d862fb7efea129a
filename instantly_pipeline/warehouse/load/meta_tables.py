"""The tables of `meta`, each declared once: its columns, and the SELECT that computes it from the logs of the lake.

`log.<name>` holds the distinct rows of each log. Of several runs the one with the greatest id is the last one: ids only
grow, while the machine's clock may go back.
"""

from __future__ import annotations

from dataclasses import dataclass

from instantly_pipeline.warehouse.db.tables import Table, TableColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaTable(Table):
    """A table of `meta`: `fold` is the SELECT that computes it from `logs` and from other tables of meta, `reads`."""

    schema: str = "meta"
    logs: tuple[str, ...]
    reads: tuple[str, ...] = ()
    fold: str


_T, _I, _B, _F, _D, _Z = "VARCHAR", "BIGINT", "BOOLEAN", "DOUBLE", "DATE", "TIMESTAMPTZ"

_RUN = TableColumn("run_id", _T, "Run; later runs have greater ids")
_WORKSPACE = TableColumn("workspace_id", _T, "Workspace")
_STREAM = TableColumn("stream", _T, "Stream, as in `raw.<stream>`")
_KEY = TableColumn("key", _T, "Key of the record as a JSON array, as in `_key`")
_STARTED = TableColumn("started_at", _Z, "When it began")
_ENDED = TableColumn("ended_at", _Z, "When it ended")
_REASON = TableColumn("reason", _T, "Why it did not end as ok, in words; null where there is nothing to say")
_FIRST = TableColumn("first_seen_at", _Z, "When a sync first saw it")
_LAST = TableColumn("last_seen_at", _Z, "When a sync last saw it")
_PLANNED = TableColumn("planned_requests", _I, "Requests that were planned")
_REQUESTS = TableColumn("requests", _I, "Requests that were sent, retries among them")
_REFUSED = TableColumn("responses_429", _I, "Requests that the rate limit refused")
_RETRIES = TableColumn("retries", _I, "Requests that were sent again")
_ROWS = (
    TableColumn("rows_read", _I, "Records that were read"),
    TableColumn("rows_inserted", _I, "Records that were new"),
    TableColumn("rows_updated", _I, "Records that had changed"),
    TableColumn("rows_deleted", _I, "Records that were gone"),
    TableColumn("rows_unchanged", _I, "Records that were as before"),
)
_OUTCOME = TableColumn("outcome", _T, "ok, partial, held, skipped or failed")

SYNC_RUNS = MetaTable(
    name="sync_runs",
    description="Runs: one row per run and workspace, with its outcome and cost",
    columns=(
        _RUN,
        _WORKSPACE,
        TableColumn("workspace_name", _T, "Name of the workspace in the settings"),
        _STARTED,
        _ENDED,
        TableColumn("outcome", _T, "ok, partial, held, skipped or failed; running, or interrupted where it was killed"),
        _REASON,
        TableColumn("full", _B, "Whether everything was to be read (sync --full)"),
        _PLANNED,
        _REQUESTS,
        _REFUSED,
        _RETRIES,
        TableColumn("rows_upserted", _I, "Records that were new or had changed"),
        TableColumn("rows_deleted", _I, "Records that were gone"),
        TableColumn("streams", _T, "Streams that INSTANTLY_STREAMS then chose, as a JSON array; null where not noted"),
    ),
    logs=("sync_runs",),
    # a run that never said how it ended, and was followed by another, was killed: there is one writer at a time
    fold="""
select run_id, workspace_id, workspace_name, started_at, ended_at,
    case when outcome = 'running' and run_id < max(run_id) over (partition by workspace_id)
        then 'interrupted' else outcome end as outcome,
    reason, "full", planned_requests, requests, responses_429, retries, rows_upserted, rows_deleted, streams
from log.sync_runs
qualify row_number() over (
    partition by run_id, workspace_id order by ended_at desc nulls last, started_at desc, outcome
) = 1
order by started_at, run_id, workspace_id
""",
)

HELD_DELETES = MetaTable(
    name="held_deletes",
    description="Deletions that looked suspicious and were not carried out",
    columns=(
        _WORKSPACE,
        _STREAM,
        _KEY,
        TableColumn("reason", _T, "What was suspicious, in words"),
        TableColumn("first_noted_at", _Z, "When it was first held"),
        TableColumn("noted_at", _Z, "When it was last held"),
        TableColumn("run_id", _T, "Run that last held it"),
    ),
    logs=("held_deletes",),
    fold="""
with latest as (
    select *, min(noted_at) over (partition by workspace_id, stream, key) as first_noted_at
    from log.held_deletes
    qualify row_number() over (
        partition by workspace_id, stream, key order by run_id desc, noted_at desc, state desc
    ) = 1
)
select workspace_id, stream, key, reason, first_noted_at, noted_at, run_id
from latest
where state = 'held'
order by workspace_id, stream, key
""",
)

STREAM_STATUS = MetaTable(
    name="stream_status",
    description="Streams: one row per workspace and stream, how it was last read and when it last succeeded",
    columns=(
        _WORKSPACE,
        _STREAM,
        _OUTCOME,
        _REASON,
        TableColumn("chosen", _B, "Whether INSTANTLY_STREAMS chose it in the last sync of its workspace"),
        TableColumn("last_success_at", _Z, "When it was last read without a failure"),
        TableColumn("rows", _I, "Live rows in `raw`"),
        TableColumn("partial", _B, "Whether something was left for the next run"),
        TableColumn("held_deletes", _I, "Deletions that are held"),
        TableColumn("run_id", _T, "Run that last read it"),
        _STARTED,
        _ENDED,
        _REQUESTS,
        _RETRIES,
        *_ROWS,
    ),
    logs=("stream_status", "sync_runs"),
    reads=("held_deletes",),
    # `rows` is filled in after the streams are loaded
    fold="""
with every as (
    select *,
        arg_max(ended_at, run_id) filter (outcome in ('ok', 'partial'))
            over (partition by workspace_id, stream) as last_success_at
    from log.stream_status
),
latest as (
    select * from every
    qualify row_number() over (
        partition by workspace_id, stream order by run_id desc, coalesce(ended_at, started_at) desc, outcome
    ) = 1
),
held as (select workspace_id, stream, count(*) as held from meta.held_deletes group by all),
chosen as (
    select workspace_id, from_json(arg_max(streams, run_id), '["VARCHAR"]') as streams
    from log.sync_runs group by workspace_id
)
select l.workspace_id, l.stream, l.outcome, l.reason, coalesce(list_contains(c.streams, l.stream), true) as chosen,
    l.last_success_at, 0::bigint as rows, l.partial,
    coalesce(h.held, 0) as held_deletes, l.run_id, l.started_at, l.ended_at, l.requests, l.retries, l.rows_read,
    l.rows_inserted, l.rows_updated, l.rows_deleted, l.rows_unchanged
from latest l left join held h using (workspace_id, stream) left join chosen c using (workspace_id)
order by l.workspace_id, l.stream
""",
)

STREAM_RUNS = MetaTable(
    name="stream_runs",
    description="Streams of every run: one row per run, workspace and stream, with its outcome and cost",
    columns=(
        _RUN,
        _WORKSPACE,
        _STREAM,
        _OUTCOME,
        _STARTED,
        _ENDED,
        _PLANNED,
        _REQUESTS,
        _REFUSED,
        _RETRIES,
        *_ROWS,
    ),
    logs=("stream_status",),
    fold="""
select run_id, workspace_id, stream, outcome, started_at, ended_at, planned_requests, requests, responses_429, retries,
    rows_read, rows_inserted, rows_updated, rows_deleted, rows_unchanged
from log.stream_status
qualify row_number() over (partition by run_id, workspace_id, stream order by ended_at desc nulls last, outcome) = 1
order by started_at, run_id, workspace_id, stream
""",
)

SCHEMA_DRIFT = MetaTable(
    name="schema_drift",
    description="Differences between the streams as declared and as answered",
    columns=(
        _WORKSPACE,
        _STREAM,
        TableColumn("field", _T, "Field of the API"),
        TableColumn("kind", _T, "What is different, such as a new field"),
        _FIRST,
        _LAST,
        TableColumn("times", _I, "In how many records"),
    ),
    logs=("schema_drift",),
    fold="""
select workspace_id, stream, field, kind, min(seen_at) as first_seen_at, max(seen_at) as last_seen_at,
    sum(times)::bigint as times
from log.schema_drift
group by workspace_id, stream, field, kind
order by workspace_id, stream, field, kind
""",
)

# Version 0.1.0 kept collapsed days and notices in the log of the quarantine
_WAS_COLLAPSED = "reason in ('the day vanished', 'the day fell to zero')"
_WAS_NOTICE = "ends_with(reason, 'every sync sweeps all leads from now on')"

QUARANTINE = MetaTable(
    name="quarantine",
    description="Values that did not fit their column, never the value itself",
    columns=(
        _WORKSPACE,
        _STREAM,
        TableColumn("key", _T, "Key of the record as a JSON array; null where it has none, or for many at once"),
        TableColumn("column", _T, "Column the value was for"),
        TableColumn("expected", _T, "What fits the column"),
        TableColumn("found_type", _T, "Type of the value that was found"),
        TableColumn("reason", _T, "What was done with it, in words"),
        _FIRST,
        _LAST,
        TableColumn("occurrences", _I, "How often it was seen, over all runs"),
    ),
    logs=("quarantine",),
    fold=f"""
select workspace_id, stream, key, "column", expected, found_type, reason, min(seen_at) as first_seen_at,
    max(seen_at) as last_seen_at, sum(occurrences)::bigint as occurrences
from log.quarantine
where not coalesce({_WAS_COLLAPSED} or {_WAS_NOTICE}, false)
group by workspace_id, stream, key, "column", expected, found_type, reason
order by workspace_id, stream, key, "column"
""",
)

COLLAPSED_DAYS = MetaTable(
    name="collapsed_days",
    description="Days of figures that vanished or fell to zero: one row per workspace, stream and key, as last seen",
    columns=(
        _WORKSPACE,
        _STREAM,
        _KEY,
        TableColumn("date", _D, "The day"),
        TableColumn("kind", _T, "vanished or zero"),
        TableColumn("syncs", _I, "In how many syncs in a row"),
        _FIRST,
        _LAST,
    ),
    logs=("collapsed_days", "quarantine"),
    fold=f"""
with said as (
    select run_id, workspace_id, stream, key, date, kind, syncs, seen_at from log.collapsed_days
    union all
    select run_id, workspace_id, stream, key, regexp_extract(key, '"(\\d{{4}}-\\d\\d-\\d\\d)"', 1),
        if(reason = 'the day vanished', 'vanished', 'zero'),
        try_cast(regexp_extract(found_type, '^(\\d+) syncs', 1) as bigint), seen_at
    from log.quarantine where {_WAS_COLLAPSED}
)
select workspace_id, stream, key, try_cast(date as date) as date, kind, syncs,
    min(seen_at) over (partition by workspace_id, stream, key) as first_seen_at,
    max(seen_at) over (partition by workspace_id, stream, key) as last_seen_at
from said
qualify row_number() over (
    partition by workspace_id, stream, key order by run_id desc, seen_at desc nulls last, syncs desc
) = 1
order by workspace_id, stream, key
""",
)

NOTICES = MetaTable(
    name="notices",
    description="What syncs had to say about a stream",
    columns=(
        _WORKSPACE,
        _STREAM,
        TableColumn("notice", _T, "What was said, in words"),
        _FIRST,
        _LAST,
        TableColumn("occurrences", _I, "How often it was said"),
    ),
    logs=("notices", "quarantine"),
    fold=f"""
with said as (
    select workspace_id, stream, notice, seen_at from log.notices
    union all
    select workspace_id, stream, reason, seen_at from log.quarantine where {_WAS_NOTICE}
)
select workspace_id, stream, notice, min(seen_at) as first_seen_at, max(seen_at) as last_seen_at,
    count(*) as occurrences
from said
group by workspace_id, stream, notice
order by workspace_id, stream, notice
""",
)

RECONCILIATION = MetaTable(
    name="reconciliation",
    description="Own counts against Instantly's counters, as last compared",
    columns=(
        _WORKSPACE,
        TableColumn("campaign_id", _T, "Campaign"),
        TableColumn("metric", _T, "Counter of Instantly's"),
        TableColumn("ours", _F, "What our rows add up to"),
        TableColumn("theirs", _F, "What the counter says"),
        TableColumn("difference", _F, "Ours less theirs"),
        TableColumn("checked_at", _Z, "When they were compared"),
    ),
    logs=("reconciliation",),
    fold="""
select workspace_id, campaign_id, metric, ours, theirs, difference, checked_at
from log.reconciliation
qualify row_number() over (partition by workspace_id, campaign_id, metric order by checked_at desc, run_id desc) = 1
order by workspace_id, campaign_id, metric
""",
)

PUBLISHED = MetaTable(
    name="published",
    description="Publications: when, and how far each workspace was synced",
    columns=(
        _RUN,
        TableColumn("published_at", _Z, "When it was published"),
        TableColumn("storage_version", _T, "DuckDB's storage version of the file"),
        TableColumn("synced_to", _T, "The same as `watermark`, under its earlier name"),
        TableColumn("watermark", _T, "JSON: by workspace the last instant at which a record in the file was synced"),
    ),
    logs=("published",),
    fold="""
select distinct run_id, published_at, storage_version, watermark as synced_to, watermark
from log.published order by published_at, run_id
""",
)

# In this order: one may read another
META_TABLES = (
    SYNC_RUNS,
    HELD_DELETES,
    STREAM_STATUS,
    STREAM_RUNS,
    SCHEMA_DRIFT,
    QUARANTINE,
    COLLAPSED_DAYS,
    NOTICES,
    RECONCILIATION,
    PUBLISHED,
)

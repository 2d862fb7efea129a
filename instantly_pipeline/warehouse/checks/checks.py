"""Checks: promises of the contracts, and those of `sql/checks`, run on the build file.

Every check is one SELECT that returns the rows that break the promise. Blocking ones keep a file from being published,
warnings are reported. No message holds a value from a row.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from instantly_pipeline.errors import ModelError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.checks.check_queries import CheckQuery, checks_of_files, model_checks, stream_checks
from instantly_pipeline.warehouse.checks.emptied import Emptiness, look_for_emptied
from instantly_pipeline.warehouse.db.build_file import refused_by_machine
from instantly_pipeline.warehouse.db.build_state import built_before, note_passed, passed_before
from instantly_pipeline.warehouse.db.fingerprints import Fingerprints
from instantly_pipeline.warehouse.db.parallel import run_parallel
from instantly_pipeline.warehouse.db.sql_text import digest, first, ident
from instantly_pipeline.warehouse.models.by_record import ByRecordBuilder, position
from instantly_pipeline.warehouse.models.definitions import Definitions
from instantly_pipeline.warehouse.models.model import ByRecord, Model
from instantly_pipeline.warehouse.models.runner import fingerprints_of, macros_text


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check. `sample_sql` shows offending rows to who may see them."""

    name: str
    model: str
    blocking: bool
    passed: bool
    failing_rows: int
    description: str
    sample_sql: str

    @property
    def to_see_the_rows(self) -> str:
        """A command for a terminal that shows the failing rows."""
        return f"instantly-pipeline query --build {shlex.quote(self.sample_sql)}"


def run_checks(
    con: duckdb.DuckDBPyConnection,
    sql_dir: Path,
    models: Mapping[str, Model],
    streams: Mapping[str, Stream],
    layout: Layout | None,
    accepted: Collection[str] = (),
) -> list[CheckResult]:
    """Run every check. ModelError names one that cannot be run.

    `layout` is that of the published files with which the marts are compared, None where they are of another time.
    `accepted` are the streams whose deletions the user has accepted.
    """
    macros = macros_text(sql_dir)
    definitions = Definitions(con, models, macros)
    passed = KnownPasses(con, definitions, fingerprints_of(con, models), macros)
    queries = [
        *stream_checks(streams),
        *(q for model in models.values() for q in model_checks(model)),
        *checks_of_files(sql_dir),
    ]
    results = list(run_parallel(con, dict.fromkeys(queries, ()), passed.result).values())
    results += [
        passed.by_record(con, model, model.by_record)
        for model in models.values()
        if model.by_record and set(model.by_record.sources) <= definitions.columns.keys()  # not of a table by itself
    ]
    passed.save()
    results += [_shape(con, model) for model in models.values() if model.path is not None and model.columns]
    if layout is not None:
        results += [_emptied(one) for one in look_for_emptied(con, models, streams, layout, accepted)]
    return results


class KnownPasses:
    """Runs checks, except those that passed before on the same contents."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, definitions: Definitions, fingerprints: Fingerprints, macros: str
    ) -> None:
        self._con = con
        self._definitions = definitions
        self._fingerprints = fingerprints
        self._macros = macros
        self._before = passed_before(con)
        self._now: set[str] = set()

    def result(self, con: duckdb.DuckDBPyConnection, query: CheckQuery) -> CheckResult:
        """The result of a check, run unless it is known to pass. Thread-safe."""
        inputs = self._inputs(query)
        known = inputs is not None and inputs in self._before
        result = _result(query, 0) if known else _run(con, query)
        if result.passed and inputs is not None:
            self._now.add(inputs)
        return result

    def by_record(self, con: duckdb.DuckDBPyConnection, model: Model, by: ByRecord) -> CheckResult:
        """Whether rows of a model built for some records alone are those of all: once for each definition of it.

        Passes where the table is not up to date with the records: then there is nothing to compare.
        """
        name, inputs = model.full_name, digest("by record", self._definitions.of(model.full_name), repr(by))
        built = built_before(con).get(name)
        is_current = built is not None and built.upto == position(con, by)  # else it was not among those to be built
        is_known = inputs in self._before or not is_current
        differ = 0 if is_known else ByRecordBuilder(con, model, by, self._definitions).differing()
        if not differ and is_current:
            self._now.add(inputs)
        return CheckResult(
            name=f"{name}: the same record by record",
            model=name,
            blocking=True,
            passed=not differ,
            failing_rows=differ,
            description=f"the rows of a sample of {by.stream} are the same when they are built from these alone",
            sample_sql=f"select * from {ident(name)}",
        )

    def save(self) -> None:
        """Store what passed for the next run."""
        self._fingerprints.save()
        note_passed(self._con, self._now)

    def _inputs(self, query: CheckQuery) -> str | None:
        """The digest of the query and of what it reads; None where it depends on more than tables."""
        names = list(query.reads)
        if self._definitions.calls_volatile(query.sql) or any(self._definitions.is_volatile(name) for name in names):
            return None
        found = [self._definitions.of(name) for name in names]
        for name, few in query.reads.items():
            for table, every in sorted(self._definitions.tables([name]).items()):
                if self._definitions.of(table) and not self._fingerprints.is_row_by_row(table):
                    found += [table, self._fingerprints.stamp(table)]  # whatever changes it rebuilds it
                    continue
                chosen = few if few is not None and table == name else [column for column, _ in every]
                found += [table, self._fingerprints.of(table, chosen)]
        return digest(duckdb.__version__, self._macros, query.sql, *found)


def _run(con: duckdb.DuckDBPyConnection, query: CheckQuery) -> CheckResult:
    try:
        counted = first(con.execute(f"select count(*) from ({query.sql}\n) offending").fetchall())
    except duckdb.Error as error:
        if refused_by_machine(error):
            raise
        raise ModelError(f"The check {query.name} cannot be run: {str(error).splitlines()[0]}") from error
    failing = int(counted[0]) if counted else 0
    return _result(query, failing)


def _result(query: CheckQuery, failing: int) -> CheckResult:
    sample = f"select * from ({query.sql}\n) offending limit 20"
    return CheckResult(query.name, query.model, query.blocking, failing == 0, failing, query.description, sample)


def _shape(con: duckdb.DuckDBPyConnection, model: Model) -> CheckResult:
    """The columns promised are those there are, in order and type."""
    promised = [(column.name, column.type) for column in model.columns]
    found = [(row[0], row[1]) for row in con.execute(f"describe {ident(model.full_name)}").fetchall()]
    wrong = sorted({name for name, _ in set(promised) ^ set(found)})
    detail = f" (not as promised: {', '.join(wrong)})" if wrong else ""
    return CheckResult(
        name=f"{model.full_name}: columns as promised",
        model=model.full_name,
        blocking=True,
        passed=promised == found,
        failing_rows=0 if promised == found else max(len(wrong), 1),
        description=f"names, types and order of the columns are those of the contract{detail}",
        sample_sql=f"describe {ident(model.full_name)}",
    )


def _emptied(found: Emptiness) -> CheckResult:
    """A mart that had rows when last published has rows now, or what it had was deleted."""
    table = found.table
    return CheckResult(
        name=f"{table}: not emptied",
        model=table,
        blocking=True,
        passed=not found.unexplained,
        failing_rows=found.unexplained,
        description=(
            f"it had {found.unexplained} rows when last published and has none now, and they are not those of records "
            "that were deleted. If that is right: instantly-pipeline sync --accept-deletes"
            if found.unexplained
            else "a mart that had rows when last published has rows now, or the records it was about were deleted"
        ),
        sample_sql=f"select count(*) from {ident(table)}",
    )

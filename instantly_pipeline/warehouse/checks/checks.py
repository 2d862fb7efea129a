"""Checks: promises of the contracts, and the questions of `sql/checks`, asked of the build file.

Every check is one SELECT that returns the rows that break the promise. Blocking ones keep a file from being published,
warnings are reported. No message holds a value from a row.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from instantly_pipeline.errors import ModelError
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.checks.emptied import Emptiness, look_for_emptied
from instantly_pipeline.warehouse.db.build_file import refused_by_machine
from instantly_pipeline.warehouse.db.build_state import note_passed, passed_before
from instantly_pipeline.warehouse.db.fingerprints import Fingerprints
from instantly_pipeline.warehouse.db.parallel import run_parallel
from instantly_pipeline.warehouse.db.sql_text import columns, digest, first, ident, text
from instantly_pipeline.warehouse.models.catalog import Model
from instantly_pipeline.warehouse.models.contracts import Check, Contract, read_contracts
from instantly_pipeline.warehouse.models.definitions import Definitions
from instantly_pipeline.warehouse.models.parsed import tables_of
from instantly_pipeline.warehouse.models.runner import keys_of, macros_text


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
        """A command that shows them, to be typed in a terminal."""
        return f"instantly-pipeline query --build {shlex.quote(self.sample_sql)}"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One check before it is asked; `sql` returns the offending rows.

    `reads` are the tables and views it reads, each with the columns if they are few (None: it may be any).
    """

    name: str
    model: str
    blocking: bool
    description: str
    sql: str
    reads: Mapping[str, Collection[str] | None]


def run_checks(
    con: duckdb.DuckDBPyConnection,
    sql_dir: Path,
    models: Mapping[str, Model],
    streams: Mapping[str, Stream],
    layout: Layout | None,
    accepted: Collection[str] = (),
) -> list[CheckResult]:
    """Ask every question there is. ModelError names a check that cannot be asked.

    `layout` is where the files lie that the marts are compared with, None where they are of another time. `accepted`
    are the streams of which the user has said that what is gone may go.
    """
    macros = macros_text(sql_dir)
    about = Definitions(con, models, macros)
    passed = Passed(con, about, Fingerprints(con, keys_of(models)), macros)
    questions = [
        *stream_questions(streams),
        *(q for model in models.values() for q in model_questions(model)),
        *_singular(sql_dir),
    ]
    results = list(run_parallel(con, dict.fromkeys(questions, ()), passed.result).values())
    passed.save()
    results += [_shape(con, model) for model in models.values() if model.path is not None and model.columns]
    if layout is not None:
        results += [_emptied(one) for one in look_for_emptied(con, models, streams, layout, accepted)]
    return results


class Passed:
    """Answers that need no question: it was asked of the same contents before, and no row broke the promise."""

    def __init__(self, con: duckdb.DuckDBPyConnection, about: Definitions, contents: Fingerprints, macros: str) -> None:
        self._con = con
        self._about = about
        self._contents = contents
        self._macros = macros
        self._before = passed_before(con)
        self._now: set[str] = set()

    def result(self, con: duckdb.DuckDBPyConnection, question: Question) -> CheckResult:
        """The result of a check, asked unless it is known to pass. Threads may call this."""
        asked = self._asked(question)
        known = asked is not None and asked in self._before
        result = _result(question, 0) if known else _ask(con, question)
        if result.passed and asked is not None:
            self._now.add(asked)
        return result

    def save(self) -> None:
        """Keep what passed for the next run."""
        self._contents.save()
        note_passed(self._con, self._now)

    def _asked(self, question: Question) -> str | None:
        """The question and what it is asked of; None where the answer follows from more than tables."""
        names = list(question.reads)
        if self._about.calls_volatile(question.sql) or any(self._about.is_volatile(name) for name in names):
            return None
        found = [self._about.of(name) for name in names]
        for name, few in question.reads.items():
            for table, every in sorted(self._about.tables([name]).items()):
                if self._about.of(table):  # made by a model: whatever changes it makes it anew
                    found += [table, self._contents.stamp(table)]
                    continue
                chosen = few if few is not None and table == name else [column for column, _ in every]
                found += [table, self._contents.of(table, chosen)]
        return digest(duckdb.__version__, self._macros, question.sql, *found)


def _ask(con: duckdb.DuckDBPyConnection, question: Question) -> CheckResult:
    try:
        counted = first(con.execute(f"select count(*) from ({question.sql}\n) offending").fetchall())
    except duckdb.Error as error:
        if refused_by_machine(error):
            raise
        raise ModelError(f"The check {question.name} cannot be asked: {str(error).splitlines()[0]}") from error
    failing = int(counted[0]) if counted else 0
    return _result(question, failing)


def _result(question: Question, failing: int) -> CheckResult:
    sample = f"select * from ({question.sql}\n) offending limit 20"
    return CheckResult(
        question.name, question.model, question.blocking, failing == 0, failing, question.description, sample
    )


def stream_questions(streams: Mapping[str, Stream]) -> Iterable[Question]:
    """What is promised of every stream's current rows."""
    for stream in streams.values():
        table = f"raw.{ident(stream.name)}"
        yield Question(
            f"raw.{stream.name}: one row per key",
            f"raw.{stream.name}",
            True,
            "workspace_id and _key identify a row",
            _repeated(table, ("workspace_id", "_key")),
            {f"raw.{stream.name}": ("workspace_id", "_key")},
        )
        key = [name for name in stream.key if stream.column(name).always]
        if key:
            yield Question(
                f"raw.{stream.name}: keys are not null",
                f"raw.{stream.name}",
                True,
                f"{', '.join(key)} have a value in every row",
                f"select * from {table} where {_any_null(key)}",
                {f"raw.{stream.name}": key},
            )


def model_questions(model: Model) -> Iterable[Question]:
    """What the contract of a model promises of its rows."""
    contract = Contract(model.name, Path(), key=model.key, nullable_key=model.nullable_key, checks=model.checks)
    return _contract_questions(model.full_name, contract)


def _contract_questions(table: str, contract: Contract) -> Iterable[Question]:
    """The key of a contract (unique and not null) and its checks."""
    if contract.key:
        yield Question(
            f"{table}: one row per {', '.join(contract.key)}",
            table,
            True,
            "the key identifies a row",
            _repeated(ident(table), contract.key),
            {table: contract.key},
        )
    for check in contract.checks:
        yield _question(table, check)
    if contract.key and (sure := [name for name in contract.key if name not in contract.nullable_key]):
        yield Question(
            f"{table}: the key is not null",
            table,
            True,
            f"{', '.join(sure)} have a value in every row",
            f"select * from {ident(table)} where {_any_null(sure)}",
            {table: sure},
        )


def _question(table: str, check: Check) -> Question:
    try:
        label, sql, reads = _FORMS[check.kind](table, check.of)
    except (KeyError, TypeError) as error:
        raise ModelError(f"A check of {table} is not written as it should be: {check.kind}: {check.of!r}") from error
    return Question(f"{table}: {label}", table, check.blocking, check.description or label, sql, reads)


def _not_null(table: str, of: str | list[str]) -> _Form:
    names = [of] if isinstance(of, str) else list(of)
    return f"{', '.join(names)} not null", f"select * from {ident(table)} where {_any_null(names)}", {table: names}


def _unique(table: str, of: str | list[str]) -> _Form:
    names = [of] if isinstance(of, str) else list(of)
    return f"{', '.join(names)} unique", _repeated(ident(table), names), {table: names}


def _accepted_values(table: str, of: Mapping[str, object]) -> _Form:
    column, values = str(of["column"]), of["values"]
    if not isinstance(values, list):
        raise TypeError
    listed = ", ".join(text(v) if isinstance(v, str) else str(v) for v in values)
    sql = f"select * from {ident(table)} where {ident(column)} not in ({listed})"
    return f"{column} is one of its values", sql, {table: [column]}


def _relationship(table: str, of: Mapping[str, object]) -> _Form:
    """Rows whose (non-null) columns are in no row of another table, under the same names or those of `fields`."""
    names, to = of["columns"], str(of["to"])
    fields = of.get("fields", names)
    if not isinstance(names, list) or not isinstance(fields, list):
        raise TypeError
    matches = " and ".join(f"p.{ident(f)} = c.{ident(n)}" for n, f in zip(names, fields, strict=True))
    present = " and ".join(f"c.{ident(name)} is not null" for name in names)
    sql = f"select c.* from {ident(table)} c anti join {ident(to)} p on {matches} where {present}"
    reads = {table: names, to: fields} if table != to else {table: [*names, *fields]}
    return f"{', '.join(names)} found in {to}", sql, reads


def _expression(table: str, of: str) -> _Form:
    return str(of), f"select * from {ident(table)} where not ({of})", {table: None}


_Form = tuple[str, str, Mapping[str, Collection[str] | None]]  # label, SQL, what it reads
_FORMS: dict[str, Callable[[str, Any], _Form]] = {
    "not_null": _not_null,
    "unique": _unique,
    "accepted_values": _accepted_values,
    "relationship": _relationship,
    "expression": _expression,
}


def _repeated(table: str, names: Iterable[str]) -> str:
    listed = columns(list(names))
    return f"select {listed}, count(*) as times from {table} group by {listed} having count(*) > 1"


def _any_null(names: Iterable[str]) -> str:
    return " or ".join(f"{ident(name)} is null" for name in names)


def _singular(sql_dir: Path) -> Iterable[Question]:
    """The questions of `sql/checks`: each file one SELECT of offending rows, described in the YAML beside it."""
    contracts = read_contracts(sql_dir / "checks")
    for path in sorted((sql_dir / "checks").glob("*.sql")):
        contract = contracts.get(path.stem)
        if contract is None or not contract.more.get("of"):
            raise ModelError(f"{path} has no entry with `of` (the model it is about) in {path.parent}/*.yml; add one.")
        sql = path.read_text(encoding="utf-8").strip().rstrip(";")
        read = tables_of(sql, path)
        blocking = not contract.more.get("warn", False)
        yield Question(path.stem, str(contract.more["of"]), blocking, contract.description, sql, dict.fromkeys(read))


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

"""The checks as SELECTs of the rows that break a promise: of streams, of contracts, and those of `sql/checks`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instantly_pipeline.errors import ModelError
from instantly_pipeline.streams.model import Stream
from instantly_pipeline.warehouse.db.sql_text import columns, ident, text
from instantly_pipeline.warehouse.models.contracts import Check, Contract, read_contracts
from instantly_pipeline.warehouse.models.lineage.used_tables import tables_of
from instantly_pipeline.warehouse.models.model import Model


@dataclass(frozen=True, slots=True, eq=False)
class CheckQuery:
    """One check before it is run; `sql` returns the offending rows.

    `reads` are the tables and views it reads, each with the columns if they are few (None: it may be any).
    """

    name: str
    model: str
    blocking: bool
    description: str
    sql: str
    reads: Mapping[str, Collection[str] | None]


def stream_checks(streams: Mapping[str, Stream]) -> Iterable[CheckQuery]:
    """What is promised of every stream's current rows."""
    for stream in streams.values():
        table = f"raw.{ident(stream.name)}"
        yield CheckQuery(
            f"raw.{stream.name}: one row per key",
            f"raw.{stream.name}",
            True,
            "workspace_id and _key identify a row",
            _repeated(table, ("workspace_id", "_key")),
            {f"raw.{stream.name}": ("workspace_id", "_key")},
        )
        key = [name for name in stream.key if stream.column(name).always]
        if key:
            yield CheckQuery(
                f"raw.{stream.name}: keys are not null",
                f"raw.{stream.name}",
                True,
                f"{', '.join(key)} have a value in every row",
                f"select * from {table} where {_any_null(key)}",
                {f"raw.{stream.name}": key},
            )


def model_checks(model: Model) -> Iterable[CheckQuery]:
    """What the contract of a model promises of its rows."""
    contract = Contract(model.name, Path(), key=model.key, nullable_key=model.nullable_key, checks=model.checks)
    return _contract_checks(model.full_name, contract)


def _contract_checks(table: str, contract: Contract) -> Iterable[CheckQuery]:
    """The key of a contract (unique and not null) and its checks."""
    if contract.key:
        yield CheckQuery(
            f"{table}: one row per {', '.join(contract.key)}",
            table,
            True,
            "the key identifies a row",
            _repeated(ident(table), contract.key),
            {table: contract.key},
        )
    for check in contract.checks:
        yield _check_query(table, check)
    if contract.key and (sure := [name for name in contract.key if name not in contract.nullable_key]):
        yield CheckQuery(
            f"{table}: the key is not null",
            table,
            True,
            f"{', '.join(sure)} have a value in every row",
            f"select * from {ident(table)} where {_any_null(sure)}",
            {table: sure},
        )


def _check_query(table: str, check: Check) -> CheckQuery:
    try:
        label, sql, reads = _FORMS[check.kind](table, check.of)
    except (KeyError, TypeError) as error:
        raise ModelError(f"A check of {table} is not written as it should be: {check.kind}: {check.of!r}") from error
    return CheckQuery(f"{table}: {label}", table, check.blocking, check.description or label, sql, reads)


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
    """Groups of hashes first: for texts they take half the time and a quarter of the memory, and they rarely agree."""
    listed = columns(list(names))
    alike = f"select hash({listed}) from {table} group by all having count(*) > 1"
    return (
        f"select {listed}, count(*) as times from {table} where hash({listed}) in ({alike}) "
        f"group by {listed} having count(*) > 1"
    )


def _any_null(names: Iterable[str]) -> str:
    return " or ".join(f"{ident(name)} is null" for name in names)


def checks_of_files(sql_dir: Path) -> Iterable[CheckQuery]:
    """The checks of `sql/checks`: each file one SELECT of offending rows, described in the YAML beside it."""
    contracts = read_contracts(sql_dir / "checks")
    for path in sorted((sql_dir / "checks").glob("*.sql")):
        contract = contracts.get(path.stem)
        if contract is None or not contract.more.get("of"):
            raise ModelError(f"{path} has no entry with `of` (the model it is about) in {path.parent}/*.yml; add one.")
        sql = path.read_text(encoding="utf-8").strip().rstrip(";")
        read = tables_of(sql, path)
        blocking = not contract.more.get("warn", False)
        yield CheckQuery(path.stem, str(contract.more["of"]), blocking, contract.description, sql, dict.fromkeys(read))

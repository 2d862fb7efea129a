"""Contracts: what the YAML beside the SQL promises about each model.

shared: {workspace_id: "Workspace the row belongs to"}      descriptions of columns that many models of the folder have
models:
  - name: dim_campaign
    description: ...
    grain: one row per campaign
    key: [workspace_id, campaign_id]                        unique and not null, blocking
    nullable_key: [step]                                    parts of the key that may be null
    materialized: table                                     intermediate only; the default is a view
    may_be_empty: true                                      having no rows any more is no reason not to publish
    changed_by: {leads: [workspace_id, lead_id]}            only rows of records that changed are made: by_record.py
    verified_column: verified_at                            with it: the column that says when the record was last read
    needs: [[rpt_runway, at_limit, 0.9]]                    seeds only: lines that have to be there, by their key
    columns:
      - {name: campaign_id, type: VARCHAR, description: ...}
      - campaign_name: VARCHAR                              short, where `shared` describes it
    checks:                                                 `warn: true` makes a check a warning
      - {not_null: campaign_name}
      - {unique: [workspace_id, campaign_name], warn: true}
      - {accepted_values: {column: health, values: [green, amber, red]}}
      - {relationship: {columns: [workspace_id, campaign_id], to: marts.dim_campaign}}
      - {expression: "sent >= 0"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from instantly_pipeline.errors import ModelError
from instantly_pipeline.warehouse.db.tables import TableColumn


@dataclass(frozen=True, slots=True)
class Check:
    """One promise about the rows of a model; `kind` names the form in `check_queries.py`, `of` is its argument."""

    kind: str
    of: Any
    blocking: bool
    description: str


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything the YAML says about one model."""

    name: str
    path: Path
    description: str = ""
    grain: str = ""
    key: tuple[str, ...] = ()
    nullable_key: tuple[str, ...] = ()
    materialized: str = ""
    may_be_empty: bool = False
    changed_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    verified_column: str = ""
    columns: tuple[TableColumn, ...] = ()
    checks: tuple[Check, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


# libyaml's is ten times faster; not every wheel has it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_KEYS = (
    "name",
    "description",
    "grain",
    "key",
    "nullable_key",
    "materialized",
    "may_be_empty",
    "changed_by",
    "verified_column",
    "columns",
    "checks",
)
_KEYS_ELSEWHERE = ("needs", "of", "warn")  # of seeds and of the checks in `sql/checks`
KINDS = ("not_null", "unique", "accepted_values", "relationship", "expression")


def read_contracts(folder: Path) -> dict[str, Contract]:
    """The contracts of every YAML file in `folder`, by name. ModelError names a file that is wrong."""
    found: dict[str, Contract] = {}
    documents = {path: _parsed(path) for path in sorted(folder.glob("*.yml"))}
    everywhere = {name: about for document in documents.values() for name, about in _shared(document).items()}
    for path, document in documents.items():
        shared = everywhere | _shared(document)  # a file's own words come first
        for entry in document.get("models") or ():
            contract = _contract(entry, shared, path)
            if contract.name in found:
                raise ModelError(f"{path} describes {contract.name} a second time. Remove one of the two.")
            found[contract.name] = contract
    return found


def _parsed(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ModelError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(document, dict):
        raise ModelError(f"{path} holds no mapping. It should begin with `models:`.")
    return document


def _shared(document: Mapping[str, Any]) -> dict[str, str]:
    return document.get("shared") or {}


def _contract(entry: Any, shared: Mapping[str, str], path: Path) -> Contract:
    if not isinstance(entry, dict) or "name" not in entry:
        raise ModelError(f"{path}: every entry of `models` needs a `name`.")
    name = str(entry["name"])
    if unknown := sorted(set(entry) - {*_KEYS, *_KEYS_ELSEWHERE}):
        raise ModelError(f"{path}: {name} has {unknown[0]!r}, which means nothing. Known are: {', '.join(_KEYS)}.")
    columns = tuple(_column(column, shared, name, path) for column in entry.get("columns") or ())
    return Contract(
        name=name,
        path=path,
        description=str(entry.get("description", "")).strip(),
        grain=str(entry.get("grain", "")),
        key=tuple(entry.get("key") or ()),
        nullable_key=tuple(entry.get("nullable_key") or ()),
        materialized=str(entry.get("materialized", "")),
        may_be_empty=bool(entry.get("may_be_empty", False)),
        changed_by={of: tuple(names) for of, names in (entry.get("changed_by") or {}).items()},
        verified_column=str(entry.get("verified_column", "")),
        columns=columns,
        checks=tuple(_check(check, name, path) for check in entry.get("checks") or ()),
        more={k: v for k, v in entry.items() if k in _KEYS_ELSEWHERE},
    )


def _column(entry: Any, shared: Mapping[str, str], model: str, path: Path) -> TableColumn:
    """A column as a mapping, or short as `name: TYPE` where `shared` describes it."""
    if isinstance(entry, dict) and len(entry) == 1:
        name, kind = next(iter(entry.items()))
        entry = {"name": name, "type": kind}
    if not isinstance(entry, dict) or "type" not in entry:
        raise ModelError(f"{path}: a column of {model} needs a name and a type: {entry!r}")
    if unknown := set(entry) - {"name", "type", "description"}:
        raise ModelError(f"{path}: {entry['name']} of {model} has {unknown.pop()!r}; put its description in quotes.")
    description = entry.get("description") or shared.get(entry["name"]) or ""
    return TableColumn(str(entry["name"]), str(entry["type"]), str(description))


def _check(entry: Any, model: str, path: Path) -> Check:
    kinds = [kind for kind in KINDS if isinstance(entry, dict) and kind in entry]
    if len(kinds) != 1:
        raise ModelError(f"{path}: a check of {model} names none or two of {', '.join(KINDS)}: {entry!r}")
    kind = kinds[0]
    return Check(
        kind, entry[kind], blocking=not entry.get("warn", False), description=str(entry.get("description", ""))
    )

"""The staging view a stream gets when `sql/staging` has no file for it.

One to one with `raw`: keys, texts, numbers, times; instants as naive UTC, enums with a label, `is_deleted`. A field
that the API has in several places is taken from the first that has a value. So a new stream needs no file here.
"""

from __future__ import annotations

from instantly_pipeline.streams.model import Column, Stream, Type
from instantly_pipeline.warehouse.db.sql_text import ident, text
from instantly_pipeline.warehouse.db.tables import TableColumn
from instantly_pipeline.warehouse.models.labels import label_of

_GROUPS = (
    (Type.TEXT, Type.JSON, Type.BOOL),
    (Type.INT, Type.FLOAT),
    (Type.DATE, Type.INSTANT),
)
_TIMES = {
    "first_seen_at": "When a sync first saw it (UTC)",
    "changed_at": "When a sync last saw it change, or found it deleted (UTC)",
    "verified_at": "When it was last compared with the API (UTC)",
    "deleted_at": "When a sync found that the API no longer has it (UTC)",
}


def staging_name(stream: Stream) -> str:
    """The name of a stream's staging model."""
    return f"stg_{stream.name}"


def staging_sql(stream: Stream) -> str:
    """The SELECT of the default staging view."""
    lines = ["    workspace_id", *_key_lines(stream)]
    for group in _GROUPS:
        lines += [line for column in _others(stream) if column.type in group for line in _lines(column)]
    lines += ["    extra", "    _key", "    _deleted_at is not null as is_deleted"]
    lines += [f"    _{name} at time zone 'UTC' as {_free(name, stream)}" for name in _TIMES]
    body = ",\n".join(lines)
    return (
        f"-- one row per record of {stream.name}, deleted ones included\n"
        f"with source as (\n    select * from raw.{stream.name}\n),\n\n"
        f"renamed as (\n    select\n{_indented(body)}\n    from source\n)\n\nselect * from renamed\n"
    )


def history_name(stream: Stream) -> str:
    """The name of the staging model of a stream's versions."""
    return f"{staging_name(stream)}_history"


def history_sql(stream: Stream) -> str | None:
    """The SELECT over a stream's versions, None if none of its fields has several places in the API.

    As `history`, but with instants as naive UTC, and such fields from the first place that has a value, as in staging.
    """
    if not any(column.also_in for column in stream.columns):
        return None
    replaced = [c for c in stream.columns if c.also_in or c.type is Type.INSTANT]
    listed = ",\n".join(f"        {_naive(column)} as {ident(column.name)}" for column in replaced)
    return (
        f"-- one row per version of a record of {stream.name}\n"
        f"with source as (\n    select * from history.{stream.name}\n),\n\n"
        "renamed as (\n    select\n"
        f"        * exclude (_valid_from, _valid_to) replace (\n{_indented(listed)}\n        ),\n"
        "        _valid_from at time zone 'UTC' as valid_from,\n"
        "        _valid_to at time zone 'UTC' as valid_to\n"
        "    from source\n)\n\nselect * from renamed\n"
    )


def staging_columns(stream: Stream) -> tuple[TableColumn, ...]:
    """The columns of the default staging view."""
    found = [TableColumn("workspace_id", "VARCHAR", "Workspace the row belongs to")]
    keys = [stream.column(name) for name in stream.key]
    ordered = keys + [c for group in _GROUPS for c in _others(stream) if c.type in group]
    for column in ordered:
        kind = "TIMESTAMP" if column.type is Type.INSTANT else column.type.sql
        found.append(TableColumn(column.name, kind, column.about))
        if column.labels:
            found.append(TableColumn(f"{column.name}_label", "VARCHAR", f"{column.about}, in words"))
    found.append(TableColumn("extra", "VARCHAR", "JSON: fields without a column, and values that did not fit theirs"))
    found.append(TableColumn("_key", "VARCHAR", "Key of the record as a JSON array, as the logs in `meta` name it"))
    found.append(TableColumn("is_deleted", "BOOLEAN", "The API no longer has it"))
    return (*found, *(TableColumn(_free(name, stream), "TIMESTAMP", about) for name, about in _TIMES.items()))


def _others(stream: Stream) -> list[Column]:
    return [column for column in stream.columns if column.name not in stream.key]


def _key_lines(stream: Stream) -> list[str]:
    return [line for name in stream.key for line in _lines(stream.column(name), key=True)]


def _lines(column: Column, *, key: bool = False) -> list[str]:
    name = ident(column.name)
    if column.also_in or column.type is Type.INSTANT:
        return [f"    {_naive(column)} as {name}"]
    if key and column.name == "email":
        return [f"    lower({name}) as {name}"]  # as in `_key`: the API's spelling varies between endpoints
    if not column.labels:
        return [f"    {name}"]
    return [f"    {name}", f"    {label_of(name, column.labels)} as {ident(column.name + '_label')}"]


def _naive(column: Column) -> str:
    """The value of a column, an instant as naive UTC."""
    return _value(column) + (" at time zone 'UTC'" if column.type is Type.INSTANT else "")


def _value(column: Column) -> str:
    """The column, or the first other place of the field with a value; an empty text is no value."""
    if not column.also_in:
        return ident(column.name)
    return f"coalesce({', '.join(_place(place, column.type) for place in (column.name, *column.also_in))})"


def _place(place: str, kind: Type) -> str:
    name, _, path = place.partition(".")
    if not path:
        return f"nullif({ident(name)}, '')" if kind is Type.TEXT else ident(name)
    found = f"json_text({ident(name)}, {text(f'$.{path}')})"
    return found if kind is Type.TEXT else f"try_cast({found} as {kind.sql})"


def _free(name: str, stream: Stream) -> str:
    return f"_{name}" if name in stream.names else name


def _indented(body: str) -> str:
    return "\n".join("    " + line for line in body.splitlines())

"""What is remembered of SQL texts between processes: caches that save work and never outlive a change of the texts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.models.lineage.cached_lineage import Columns, cached_lineage
from instantly_pipeline.warehouse.models.model import Model

pytestmark = pytest.mark.medium

STREAMS = {"campaigns": all_streams()["campaigns"]}
SQL = "select name, status from raw.campaigns"
NAME = {"name": [("raw.campaigns", "name")]}


def model(sql: str = SQL) -> dict[str, Model]:
    made = Model("m", "marts", sql, ("raw.campaigns",), "", "", (), ())
    return {"m": made}


def marked(cache: Path) -> None:
    """Make the file answer something that no SQL does."""
    found = orjson.loads(cache.read_bytes())
    found["models"]["m"]["name"] = [["raw.elsewhere", "x"]]
    cache.write_bytes(orjson.dumps(found))


def asked(cache: Path, sql: str = SQL) -> Columns:
    return cached_lineage(model(sql), STREAMS, cache=cache)["m"]


def test_lineage_is_resolved_once_and_then_read_from_its_file(tmp_path: Path) -> None:
    cache = tmp_path / "work" / "lineage.json"
    assert asked(cache)["name"] == NAME["name"]
    marked(cache)
    assert asked(cache)["name"] == [("raw.elsewhere", "x")]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"made_from": "x"}'])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "lineage.json"
    cache.write_bytes(content)
    assert asked(cache)["name"] == NAME["name"]
    assert orjson.loads(cache.read_bytes())["models"]["m"]["name"] == [["raw.campaigns", "name"]]


def test_lineage_of_other_sql_is_not_taken_from_the_file(tmp_path: Path) -> None:
    cache = tmp_path / "lineage.json"
    asked(cache)
    marked(cache)
    assert asked(cache, SQL.replace("name,", "id as name,"))["name"] == [("raw.campaigns", "id")]


def test_lineage_over_other_columns_is_not_taken_from_the_file(tmp_path: Path) -> None:
    cache = tmp_path / "lineage.json"
    cached_lineage(model("select * from raw.campaigns"), STREAMS, cache=cache)
    fewer = replace(STREAMS["campaigns"], columns=STREAMS["campaigns"].columns[:1])
    found = cached_lineage(model("select * from raw.campaigns"), {"campaigns": fewer}, cache=cache)
    assert "status" not in found["m"]


def test_lineage_is_found_where_its_file_cannot_be_written(tmp_path: Path) -> None:
    cache = tmp_path / "lineage.json"
    cache.mkdir()
    assert asked(cache)["name"] == NAME["name"]


REMEMBER = (
    "import sys; from pathlib import Path\n"
    "from instantly_pipeline.warehouse.models.lineage.used_tables import recall, remember, tables_of\n"
    "recall(Path(sys.argv[1])); print(tables_of('select 1 as x from raw.leads', Path('x.sql')))\n"
    "remember(Path(sys.argv[1])); print('sqlglot' in sys.modules)"
)


def remembered(cache: Path) -> list[str]:
    """What a new process says of the tables of a text, and whether it parsed it."""
    done = subprocess.run([sys.executable, "-c", REMEMBER, str(cache)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_tables_of_a_text_are_found_by_one_process_and_remembered_by_the_next(tmp_path: Path) -> None:
    cache = tmp_path / "tables.json"
    assert remembered(cache) == ["('raw.leads',)", "True"]
    assert remembered(cache) == ["('raw.leads',)", "False"]
    cache.write_bytes(cache.read_bytes().replace(b'"made_by":"', b'"made_by":"0'))
    assert remembered(cache) == ["('raw.leads',)", "True"]
    cache.write_bytes(b'{"made_by": 1')
    assert remembered(cache) == ["('raw.leads',)", "True"]

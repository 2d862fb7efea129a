"""What is kept about SQL texts between processes: a cache that saves work and is never believed against the texts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.models.catalog import Model
from instantly_pipeline.warehouse.models.followed import Columns, followed

pytestmark = pytest.mark.medium

STREAMS = {"campaigns": all_streams()["campaigns"]}
SQL = "select name, status from raw.campaigns"
NAME = {"name": [("raw.campaigns", "name")]}


def model(sql: str = SQL) -> dict[str, Model]:
    made = Model("m", "marts", sql, ("raw.campaigns",), "", "", (), ())
    return {"m": made}


def marked(kept: Path) -> None:
    """Make the file answer something that no SQL does."""
    found = orjson.loads(kept.read_bytes())
    found["models"]["m"]["name"] = [["raw.elsewhere", "x"]]
    kept.write_bytes(orjson.dumps(found))


def asked(kept: Path, sql: str = SQL) -> Columns:
    return followed(model(sql), STREAMS, kept=kept)["m"]


def test_lineage_is_followed_once_and_then_read_from_its_file(tmp_path: Path) -> None:
    kept = tmp_path / "work" / "lineage.json"
    assert asked(kept)["name"] == NAME["name"]
    marked(kept)
    assert asked(kept)["name"] == [("raw.elsewhere", "x")]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"made_from": "x"}'])
def test_a_damaged_file_of_lineage_is_made_anew(tmp_path: Path, content: bytes) -> None:
    kept = tmp_path / "lineage.json"
    kept.write_bytes(content)
    assert asked(kept)["name"] == NAME["name"]
    assert orjson.loads(kept.read_bytes())["models"]["m"]["name"] == [["raw.campaigns", "name"]]


def test_lineage_of_other_sql_is_not_taken_from_the_file(tmp_path: Path) -> None:
    kept = tmp_path / "lineage.json"
    asked(kept)
    marked(kept)
    assert asked(kept, SQL.replace("name,", "id as name,"))["name"] == [("raw.campaigns", "id")]


def test_lineage_over_other_columns_is_not_taken_from_the_file(tmp_path: Path) -> None:
    kept = tmp_path / "lineage.json"
    followed(model("select * from raw.campaigns"), STREAMS, kept=kept)
    fewer = replace(STREAMS["campaigns"], columns=STREAMS["campaigns"].columns[:1])
    found = followed(model("select * from raw.campaigns"), {"campaigns": fewer}, kept=kept)
    assert "status" not in found["m"]


def test_lineage_is_told_where_its_file_cannot_be_written(tmp_path: Path) -> None:
    kept = tmp_path / "lineage.json"
    kept.mkdir()
    assert asked(kept)["name"] == NAME["name"]


REMEMBER = (
    "import sys; from pathlib import Path\n"
    "from instantly_pipeline.warehouse.models.parsed import recall, remember, tables_of\n"
    "recall(Path(sys.argv[1])); print(tables_of('select 1 as x from raw.leads', Path('x.sql')))\n"
    "remember(Path(sys.argv[1])); print('sqlglot' in sys.modules)"
)


def remembered(kept: Path) -> list[str]:
    """What a new process says of the tables of a text, and whether it parsed it."""
    done = subprocess.run([sys.executable, "-c", REMEMBER, str(kept)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_tables_of_a_text_are_found_by_one_process_and_remembered_by_the_next(tmp_path: Path) -> None:
    kept = tmp_path / "tables.json"
    assert remembered(kept) == ["('raw.leads',)", "True"]
    assert remembered(kept) == ["('raw.leads',)", "False"]
    kept.write_bytes(kept.read_bytes().replace(b'"made_by":"', b'"made_by":"0'))
    assert remembered(kept) == ["('raw.leads',)", "True"]
    kept.write_bytes(b'{"made_by": 1')
    assert remembered(kept) == ["('raw.leads',)", "True"]

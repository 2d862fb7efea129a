"""Marts as files for people: all of them or nothing, with types that a spreadsheet keeps."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import duckdb
import polars as pl
import pytest

from instantly_pipeline.errors import StorageError, UsageError
from instantly_pipeline.warehouse.published.export import export, find_mart

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
ODD = """
select * from (values
    ('=1+1', 0.25, 3, 1234567890123456789, date '2026-03-01', timestamp '2026-03-01 23:59:59', true, 1500.5),
    ('@é🙂', 'nan'::double, null, 7, date '1899-12-31', null, false, null),
    ('', null, -1, -7, null, timestamp '1066-10-14 09:00:00', null, 'inf'::double),
    (null, null, null, null, null, null, null, null)
) t(note, reply_rate, n, long, day, moment, yes, amount)
"""


class Cell(NamedTuple):
    """One cell of a sheet: its kind (n, b, inlineStr), its text, and the format of its number."""

    kind: str
    text: str
    format: str


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file with odd values, a long text, and more rows than a sheet holds."""
    path = tmp_path_factory.mktemp("export") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create schema marts; create schema raw; create table raw.leads as select 1 as id")
        con.execute(f"create table marts.rpt_odd as {ODD}")
        con.execute("create table marts.rpt_long as select repeat('é', 40000) as words")
        con.execute("create table marts.rpt_none as select * from marts.rpt_odd limit 0")
        con.execute("create table marts.fct_many as from range(1048576)")
    return path


def sheet(path: Path) -> dict[str, Cell]:
    """The cells of a workbook's one sheet, by name."""
    with zipfile.ZipFile(path) as book:
        styles = ET.fromstring(book.read("xl/styles.xml"))
        page = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    codes = {f.get("numFmtId"): f.get("formatCode", "") for f in styles.iter(f"{_NS}numFmt")}
    ids = [x.get("numFmtId") for x in styles.find(f"{_NS}cellXfs") or []]
    return {
        c.get("r", ""): Cell(c.get("t", "n"), "".join(c.itertext()), codes.get(ids[int(c.get("s", 0))], ""))
        for c in page.iter(f"{_NS}c")
    }


@pytest.fixture(scope="module")
def odd(published: Path) -> dict[str, Cell]:
    """The sheet of the odd values."""
    out = published.with_name("odd.xlsx")
    assert export(published, "rpt_odd", "xlsx", out).rows == 4
    return sheet(out)


def test_a_text_that_looks_like_a_formula_is_a_text(odd: dict[str, Cell]) -> None:
    assert odd["A2"] == Cell("inlineStr", "=1+1", "")
    assert odd["A3"] == Cell("inlineStr", "@é🙂", "")


def test_a_rate_is_a_percentage_and_an_amount_is_not(odd: dict[str, Cell]) -> None:
    assert odd["B2"] == Cell("n", "0.25", "0.00%")
    assert odd["H2"] == Cell("n", "1500.5", "#,##0.00")


def test_days_and_times_are_dates_of_the_spreadsheet(odd: dict[str, Cell]) -> None:
    assert odd["E2"] == Cell("n", "46082", "yyyy-mm-dd")
    assert (odd["F2"].kind, odd["F2"].text[:9], odd["F2"].format) == ("n", "46082.999", "yyyy-mm-dd hh:mm:ss")


def test_what_a_cell_would_not_keep_is_a_text(odd: dict[str, Cell]) -> None:
    assert odd["D2"] == Cell("inlineStr", "1234567890123456789", "")
    assert odd["E3"] == Cell("inlineStr", "1899-12-31", "")
    assert odd["F4"] == Cell("inlineStr", "1066-10-14 09:00:00", "")


def test_nothing_known_is_an_empty_cell(odd: dict[str, Cell]) -> None:
    assert {name for name in odd if name.endswith("5")} == set()
    assert {"B3", "H4"} & odd.keys() == set()  # nor has a spreadsheet a word for nan and inf
    assert odd["G2"] == Cell("b", "1", "")


def test_the_header_stays_in_sight_and_filters(published: Path, odd: dict[str, Cell]) -> None:
    assert odd["A1"].text == "note"
    page = zipfile.ZipFile(published.with_name("odd.xlsx")).read("xl/worksheets/sheet1.xml").decode()
    assert 'state="frozen"' in page
    assert re.search('autoFilter ref="A1:H5"', page)


def test_a_text_too_long_for_a_cell_is_cut_and_counted(published: Path, tmp_path: Path) -> None:
    assert export(published, "rpt_long", "xlsx", tmp_path / "long.xlsx").cut == 1
    assert len(sheet(tmp_path / "long.xlsx")["A2"].text) == 32_767
    assert export(published, "rpt_long", "csv", tmp_path / "long.csv").cut == 0


def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_written(published: Path, tmp_path: Path) -> None:
    before = tmp_path / "many.xlsx"
    before.write_text("as it was")
    with pytest.raises(UsageError, match=r"1,048,576 rows, and a sheet of xlsx holds 1,048,575 .* csv or parquet"):
        export(published, "fct_many", "xlsx", before)
    assert [path.name for path in tmp_path.iterdir()] == ["many.xlsx"]
    assert before.read_text() == "as it was"


def test_csv_keeps_every_text_as_it_is(published: Path, tmp_path: Path) -> None:
    assert export(published, "rpt_odd", "csv", tmp_path / "odd.csv").rows == 4
    lines = (tmp_path / "odd.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "note,reply_rate,n,long,day,moment,yes,amount"
    assert lines[1] == "=1+1,0.25,3,1234567890123456789,2026-03-01,2026-03-01 23:59:59,true,1500.5"
    assert lines[3].startswith('"",,-1,')
    assert lines[4] == ",,,,,,,"


def test_parquet_keeps_values_and_types(published: Path, tmp_path: Path) -> None:
    export(published, "rpt_odd", "parquet", tmp_path / "odd.parquet")
    found = pl.read_parquet(tmp_path / "odd.parquet")
    assert found["note"].to_list() == ["=1+1", "@é🙂", "", None]
    assert (found.schema["day"], found.schema["moment"]) == (pl.Date(), pl.Datetime("us"))


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_a_mart_without_rows_is_a_file_with_its_columns(published: Path, tmp_path: Path, form: str) -> None:
    assert export(published, "rpt_none", form, tmp_path / "new" / f"none.{form}").rows == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"none.{form}"]


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_a_place_that_cannot_be_written_is_said(published: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        export(published, "rpt_odd", form, tmp_path / "file" / "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        export(published, "rpt_odd", form, tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", ["rpt_odd", "marts.rpt_odd", " MARTS.RPT_ODD"])
def test_a_mart_is_named_with_or_without_its_schema(published: Path, name: str) -> None:
    assert find_mart(published, name) == "rpt_odd"


def test_an_unknown_name_is_answered_with_the_marts_those_alike_first(published: Path) -> None:
    with pytest.raises(UsageError, match=r"mean rpt_odd\? The other marts are: fct_many, rpt_long, rpt_none\."):
        find_mart(published, "odd")
    with pytest.raises(UsageError, match=r"no mart ''\. The marts are: fct_many, "):
        find_mart(published, "")


def test_a_table_that_is_no_mart_is_said_with_the_way_to_have_it(published: Path) -> None:
    with pytest.raises(UsageError, match=r'not a mart.*query "from raw.leads" --format csv'):
        find_mart(published, "raw.leads")

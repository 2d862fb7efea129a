"""docs/lake-format.md: what it says is enough to read a data directory, and names every file in it."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.jsontext import loads
from instantly_pipeline.lake.compact import compact
from instantly_pipeline.lake.logs import EARLIER_NAMES, LOGS, append_log
from instantly_pipeline.lake.records import canonical
from instantly_pipeline.lake.records.normalize import Normalizer
from instantly_pipeline.streams.model import Absent, Column, Read, Stream, Type
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from instantly_sandbox.config import SandboxConfig
from tests.lake import format_reader
from tests.sync.harness import NOON, Bench, bench

pytestmark = pytest.mark.whole

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "lake-format.md").read_text("utf-8")
FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "data-0.1.0"
FEW = SandboxConfig(campaigns=2, leads=60, accounts=3, days=8, rate_limited=False, now=NOON)
STREAMS = sorted(all_streams())
OF_0_1_0 = sorted(stream.name for stream in all_streams().values() if stream.group == "core")  # there were no others
EMPTY = ("warmup_analytics", "workspace_group_members", "subsequence_step_analytics")  # in such a small world


def block(name: str) -> str:
    """The code block that the page marks as `name`."""
    found = re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found, name
    return found[1]


def tables(text: str) -> Iterator[list[str]]:
    """The cells of every row of the page's tables, headings left out."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line[1:-1].split("|")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A data directory in which everything happened that the page speaks of, published."""
    with bench(tmp_path_factory.mktemp("format") / "data", FEW) as at:
        at.sync("all", settings={"email_bodies": True})
        leads = [row["id"] for row in at.state("leads")]
        at.mutate(
            {"op": "update", "collection": "leads", "id": leads[0], "set": {"job_title": "Dentist", "odd": [1.5]}},
            {"op": "update", "collection": "leads", "id": leads[1], "set": {"email_open_count": "many"}},
            {"op": "delete_leads", "ids": leads[2:5]},
        )
        at.advance(days=1)
        at.sync("all", full=True)
        at.mutate({"op": "restore", "collection": "leads", "id": leads[2]})
        at.advance(days=1)
        at.sync("all", full=True)
        first, second, _ = sorted((at.layout.changes / "leads").glob("ws=*/synced=*"))
        _drop_column(sorted(first.glob("*.parquet"))[0], "job_title")
        twice = sorted(second.glob("*.parquet"))[-1]
        shutil.copy(twice, twice.with_name(f"{twice.stem[:-6]}900000.parquet"))
        compact(at.layout, now=at.clock.now())
        _publish(at)
        yield at


def _drop_column(path: Path, name: str) -> None:
    """As a version has written the file that did not have the column yet."""
    table = pq.read_table(path)
    sent = zip(table["extra"].to_pylist(), table[name].to_pylist(), strict=True)
    extra = [json.loads(kept or "{}") | ({name: value} if value else {}) for kept, value in sent]
    texts = pa.array([json.dumps(one) if one else None for one in extra], pa.string())
    table = table.set_column(table.column_names.index("extra"), "extra", texts)
    pq.write_table(table.drop_columns([name]), path)


def _publish(at: Bench) -> None:
    sql = at.data_dir.parent / "sql"
    sql.mkdir()
    now = at.clock.now()
    with Warehouse(at.layout, all_streams(), sql_dir=sql) as warehouse:
        warehouse.load()
        done = warehouse.publish(run_id="29991231T000000000Z-000000", now=now)
    append_log(at.layout, "29991231T000000000Z-000000", "published", [done.published_row], now=lambda: now)


def published(at: Bench, table: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(at.layout.published_file), read_only=True) as con:
        con.execute("set timezone = 'UTC'")
        found = con.sql(f"select * from {table}").to_arrow_table()
    return sorted(found.to_pylist(), key=_order)


def _order(row: dict[str, Any]) -> tuple[str, str, Any]:
    return row["workspace_id"], row["_key"], row.get("_valid_from", 0)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_reader_written_from_the_page_alone_finds_the_published_history(made: Bench, stream: str) -> None:
    found = sorted(format_reader.history(made.data_dir, stream), key=_order)
    assert found == published(made, f"history.{stream}")


@pytest.mark.parametrize("stream", STREAMS)
def test_a_reader_written_from_the_page_alone_finds_the_published_current_state(made: Bench, stream: str) -> None:
    found = sorted(format_reader.current_state(made.data_dir, stream), key=_order)
    assert found == published(made, f"raw.{stream}")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory that version 0.1.0 left, and in `expected` what that version read from it."""
    folder = tmp_path_factory.mktemp("old")
    for name, into in (("data", folder), ("expected", folder / "expected")):
        with tarfile.open(FIXTURE / f"{name}.tar.xz") as tar:
            tar.extractall(into, filter="data")
    return folder


@pytest.mark.parametrize("stream", OF_0_1_0)
def test_a_reader_written_from_the_page_alone_finds_what_version_0_1_0_found(old: Path, stream: str) -> None:
    for schema, read in (("history", format_reader.history), ("raw", format_reader.current_state)):
        expected = pq.read_table(old / "expected" / f"{schema}.{stream}.parquet").to_pylist()
        assert sorted(read(old, stream), key=_order) == sorted(expected, key=_order)


def test_the_data_directory_has_what_the_page_speaks_of(made: Bench) -> None:
    """Else the two tests above would hold without it."""
    leads = format_reader.history(made.data_dir, "leads")
    assert {row["_op"] for row in leads} == {"upsert", "delete"}
    assert any(row["_deleted_at"] for row in format_reader.current_state(made.data_dir, "leads"))
    assert any("odd" in (row["extra"] or "") for row in leads)
    files = list((made.layout.changes / "leads").rglob("*.parquet"))
    assert any(path.stem.endswith("z") for path in files)
    assert any(path.stem.endswith("900000") for path in files)
    assert len({tuple(pq.read_schema(path).names) for path in files}) == 2
    read = list(format_reader.rows(made.data_dir, "changes", "leads"))
    assert len(leads) < len(read)  # equal neighbours collapsed


def test_the_statement_for_current_state_finds_the_published_rows(made: Bench) -> None:
    sql = block("current state").replace("'lake/", f"'{made.data_dir}/lake/")
    with duckdb.connect() as con:
        found = con.sql(sql).to_arrow_table().to_pylist()
    alive = [row for row in published(made, "raw.leads") if row["_deleted_at"] is None]
    names = [name for name in all_streams()["leads"].names if name != "job_title"]  # which came later to one file
    key = "_key"
    assert sorted(([row[n] for n in (key, *names)] for row in found), key=str) == sorted(
        ([row[n] for n in (key, *names)] for row in alive), key=str
    )


def test_the_example_of_a_hash_is_that_of_the_code_byte_by_byte() -> None:
    sent = loads(block("record").encode())
    text = Column("id", Type.TEXT, "", always=True), Column("first_name", Type.TEXT, "", aliases=("firstName",))
    stream = Stream("things", "", "/things", Read.SCAN, ("id",), Absent.KEEP, text)
    batch = Normalizer(stream).batch([sent])
    assert batch.hashes[0].split(":")[1] == block("hash")
    renamed = {"first_name" if name == "firstName" else name: value for name, value in sent.items()}
    assert canonical.canonical(renamed) == block("canonical").encode()
    assert (format_reader.canonical(renamed), format_reader.record_hash(renamed)) == (block("canonical"), block("hash"))


NUMBERS = st.one_of(
    st.integers(),
    st.integers(2**62, 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 0.001, exclude_min=True),
    st.sampled_from([Decimal("0.1234567890123456789"), Decimal("1.5E+400")]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5))
def test_the_canonical_form_of_the_page_is_that_of_the_code(record: dict[str, Any]) -> None:
    assert format_reader.canonical(record).encode() == canonical.canonical(record)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stored_row_hashes_by_the_page_to_what_is_stored(made: Bench, stream: str) -> None:
    json_columns = {column.name for column in all_streams()[stream].columns if column.type is Type.JSON}
    upserts = [row for row in format_reader.rows(made.data_dir, "changes", stream) if row["_op"] == "upsert"]
    assert upserts or stream in EMPTY
    for row in upserts:
        stored = format_reader.stored_record(row, json_columns)
        record = {name: value for name, value in stored.items() if name not in all_streams()[stream].texts}
        assert format_reader.record_hash(record) == row["_row_hash"].split(":")[1], record


@pytest.mark.parametrize("log", LOGS)
def test_each_column_of_a_log_is_on_the_page_with_its_type(log: str) -> None:
    section = re.search(rf"^### {log}\n(.*?)^##", PAGE, re.DOTALL | re.MULTILINE)
    assert section, log
    types = {name: kind for names, kind, *_ in tables(section[1]) for name in re.findall(r"`(\w+)`", names)}
    shown = {"timestamp": "timestamp[us, tz=UTC]"}
    common = {} if log == "published" else {"run_id": "string", "workspace_id": "string"}
    assert common | {name: shown.get(kind, kind) for name, kind in types.items()} == {
        field.name: str(field.type) for field in LOGS[log]
    }
    for name, earlier in EARLIER_NAMES.get(log, {}).items():
        assert re.search(rf"^\| .*`{name}`.*`{earlier}`.* version 0\.1\.0", section[1], re.MULTILINE), name


def test_every_file_of_a_data_directory_is_on_the_page(made: Bench) -> None:
    files = {path.relative_to(made.data_dir).as_posix() for path in made.data_dir.rglob("*") if path.is_file()}
    known = [
        r"\.lock(\.json)?",
        rf"lake/changes/({'|'.join(STREAMS)})/ws=[^/]+/synced=\d{{4}}-\d\d-\d\d/\d{{8}}T\d{{9}}Z-[0-9a-f]{{6}}-\d{{6}}z*\.parquet",
        rf"lake/meta/({'|'.join(LOGS)})/ws=[^/]+/synced=\d{{4}}-\d\d-\d\d/\d{{8}}T\d{{9}}Z-[0-9a-f]{{6}}-\d{{6}}z*\.parquet",
        rf"lake/index/({'|'.join(STREAMS)})/ws=[^/]+/(manifest\.json|\d{{8}}\.rows)",
        r"lake/state/ws=[^/]+/[^/]+\.json",  # held by the test below
    ]
    for heading, folder in (
        ("Other files of the lake", "lake/"),
        ("`inbox/`", "inbox/"),
        ("`work/`", "work/"),
        ("`publish/`", "publish/"),
    ):
        section = re.search(rf"^## {re.escape(heading)}\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)
        assert section, heading
        names = [name for first, *_ in tables(section[1]) for name in re.findall(r"`([^`]+)`", first)]
        known += [folder + re.sub(r"<\w+>", "[^/]+", re.escape(name).replace(r"\<", "<")) for name in names]
    strange = [file for file in files if not any(re.fullmatch(one, file) for one in known)]
    assert strange == []


def test_every_checkpoint_of_a_data_directory_is_on_the_page(made: Bench) -> None:
    known = _checkpoint_names(0)
    names = sorted(path.stem for path in (made.layout.lake / "state").glob("ws=*/*.json"))
    assert len(names) > 20
    assert [name for name in names if not any(re.fullmatch(one, name) for one in known)] == []


def _checkpoint_names(cell: int) -> list[str]:
    """The names on the page, of now (0) or of version 0.1.0 (1), as patterns."""
    section = PAGE[PAGE.index("<!-- test: checkpoints -->") :].partition("\n## ")[0]
    placeholders = {
        "<stream>": f"({'|'.join(STREAMS)})",
        "<n>": r"\d{6}",
        "<month>": r"\d{4}-\d\d",
        "<endpoint>": r"[a-z.-]+",
    }
    found = []
    for cells in list(tables(section))[1:]:
        for name in re.findall(r"`([^`]+)`", cells[cell]):
            pattern = re.escape(name)
            for placeholder, meaning in placeholders.items():
                pattern = pattern.replace(re.escape(placeholder), meaning)
            found.append(pattern)
    return found


def test_every_checkpoint_of_version_0_1_0_is_on_the_page_by_its_name_of_then(old: Path) -> None:
    renamed = set(_checkpoint_names(1))
    known = [*_checkpoint_names(0), *renamed]
    names = {path.stem for path in (old / "lake" / "state").glob("ws=*/*.json")}
    assert [name for name in sorted(names) if not any(re.fullmatch(one, name) for one in known)] == []
    assert [name for name in renamed if not any(re.fullmatch(name, one) for one in names)] == []


def test_the_owner_of_each_checkpoint_is_there() -> None:
    section = PAGE[PAGE.index("<!-- test: checkpoints -->") :].partition("\n## ")[0]
    sync = Path(__file__).resolve().parents[2] / "instantly_pipeline" / "sync"
    owners = {cells[2].strip("`") for cells in list(tables(section))[1:]}
    assert [owner for owner in sorted(owners) if not (sync / owner).is_file()] == []

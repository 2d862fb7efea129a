"""dlt and Airbyte's CDK, as the benchmark configures them, read every lead of the sandbox once."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from benchmarks import lineup
from benchmarks.environments import python
from benchmarks.sandbox import Sandbox
from instantly_sandbox.server import running
from tests.sandbox.conftest import Api, small

pytestmark = pytest.mark.foreign
LEADS = 1_050  # eleven pages, the last one half full
IDS = {
    lineup.DLT: "select id from read_parquet('{}/**/*.parquet', union_by_name = true)",
    lineup.AIRBYTE: """select json ->> '$.record.data.id' from read_ndjson_objects('{}')
        where json ->> 'type' = 'RECORD'""",
}


@pytest.fixture(scope="module")
def box() -> Iterator[tuple[Sandbox, Api]]:
    with running(small(leads=LEADS)) as sandbox:
        api = Api(sandbox.url, sandbox.key)
        yield Sandbox(sandbox.url, sandbox.key, LEADS, campaigns=12), api
        api.http.close()


@pytest.mark.parametrize(("environment", "contender"), [("dlt", lineup.dlt), ("airbyte", lineup.airbyte)])
def test_a_framework_reads_every_lead_once(
    box: tuple[Sandbox, Api],
    tmp_path: Path,
    environment: str,
    contender: Callable[[Sandbox, Path], lineup.Contender],
) -> None:
    if not python(environment).is_file():
        pytest.skip(f"make bench has not made benchmarks/.envs/{environment} in this folder")
    sandbox, api = box
    reader = contender(sandbox, tmp_path)
    done = subprocess.run(reader.command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    if reader.stdout is not None:
        reader.stdout.write_text(done.stdout, encoding="utf-8")
    with duckdb.connect() as con:
        ids = [key for (key,) in con.execute(IDS[reader.label].format(reader.leads)).fetchall()]
    assert sorted(ids) == [lead["id"] for lead in api.leads()]

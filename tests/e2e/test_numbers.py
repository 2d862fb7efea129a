"""Numbers that no 64 bits and no double hold, from the API to the published file, digit by digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from instantly_pipeline.sync.engine import World
from instantly_pipeline.sync.results import Request
from instantly_pipeline.warehouse.published.export import export
from instantly_pipeline.warehouse.published.query import query
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench
from tests.warehouse.lake_writer import begin_with_tables
from tests.whole import whole_run

pytestmark = pytest.mark.whole

WHOLE = {
    "tiny": "-9223372036854775809",
    "small": "18446744073709551615",
    "big": "123456789012345678901234567890",
    "huge": "9" * 300,
}
OTHERS = {"fine": "0.1234567890123456789", "text": '"123456789012345678901234567890"'}
PAYLOAD = "{" + ",".join(f'"{name}":{digits}' for name, digits in (WHOLE | OTHERS).items()) + "}"
EXTRA = '{"brand_new":123456789012345678901234567890,"email_open_count":123456789012345678901234567890}'


class Spelling(httpx.AsyncBaseTransport):
    """The wire, on which what the sandbox cannot spell takes the place of what it can."""

    def __init__(self, spelled: dict[str, str]) -> None:
        self._wire = httpx.AsyncHTTPTransport(verify=False)
        self._spelled = spelled

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._wire.handle_async_request(request)
        body = await answer.aread()
        for placeholder, text in self._spelled.items():
            body = body.replace(f'"{placeholder}"'.encode(), text.encode())
        return httpx.Response(answer.status_code, stream=httpx.ByteStream(body), request=request)

    async def aclose(self) -> None:
        await self._wire.aclose()


def synced(at: Bench) -> None:
    spelled = {"@payload@": PAYLOAD, "@long@": WHOLE["big"]}
    world = World(clock=at.clock, sizes=at.sizes, transport=lambda: Spelling(spelled))
    assert whole_run(at.settings(), Request(), world=world).exit_code == 0


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory, empty_build: Path) -> Iterator[tuple[Bench, str]]:
    """A bench that has synced a lead with such numbers twice, and the lead's id."""
    config = SandboxConfig(leads=20, campaigns=1, accounts=2, days=5, rate_limited=False, now=NOON)
    with bench(tmp_path_factory.mktemp("numbers") / "data", config) as at:
        begin_with_tables(at.layout, empty_build)
        lead = at.state("leads")[0]["id"]
        changed = {"payload": "@payload@", "brand_new": "@long@", "email_open_count": "@long@"}
        at.mutate({"op": "update", "collection": "leads", "id": lead, "set": changed})
        synced(at)
        at.advance(hours=1)
        synced(at)
        yield at, lead


@pytest.mark.parametrize("table", ["raw.leads", "history.leads", "staging.stg_leads"])
def test_json_text_is_published_as_it_was_sent(numbers: tuple[Bench, str], table: str) -> None:
    at, lead = numbers
    found = query(at.layout.published_file, f"select payload from {table} where id = '{lead}'")
    assert found.rows == [(PAYLOAD,)]  # one version: the second sync found it unchanged


def test_a_custom_variable_is_a_number_with_all_its_digits(numbers: tuple[Bench, str]) -> None:
    at, lead = numbers
    sql = f"select name, value, type from marts.lead_custom_variables where lead_id = '{lead}'"
    found = {name: (value, kind) for name, value, kind in query(at.layout.published_file, sql).rows}
    assert {name: found[name] for name in WHOLE} == {name: (digits, "number") for name, digits in WHOLE.items()}
    assert found["text"] == (json.loads(OTHERS["text"]), "string")


def test_a_number_too_large_for_its_column_is_null_there_kept_in_extra_and_noted(numbers: tuple[Bench, str]) -> None:
    at, lead = numbers
    found = query(at.layout.published_file, f"select email_open_count, extra from raw.leads where id = '{lead}'")
    assert found.rows == [(None, EXTRA)]
    noted = query(at.layout.published_file, 'select "column", expected, found_type from meta.quarantine')
    assert ("email_open_count", "int", "integer beyond 64 bits") in noted.rows


def test_exports_hold_every_digit(numbers: tuple[Bench, str], tmp_path: Path) -> None:
    at, _ = numbers
    export(at.layout.published_file, "lead_custom_variables", "csv", tmp_path / "variables.csv")
    assert f",{WHOLE['big']},number," in (tmp_path / "variables.csv").read_text()

"""Workspaces in which little or nothing happened, or of which little was read, published as a sync publishes them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from instantly_sandbox.config import SandboxConfig
from tests.sync.harness import NOON, Bench, bench
from tests.warehouse.lake_writer import SQL, begin_with_tables, shipped_models

FEW = SandboxConfig(campaigns=2, leads=40, accounts=3, days=12, rate_limited=False, now=NOON)
NONE = replace(FEW, campaigns=0, leads=0, accounts=0)
NAMES = {
    "long": "Dentists " * 22 + "EU",
    "right to left": "מרפאות שיניים באירופה " * 9 + "סוף",
    "emoji": "🦷👩🏽‍⚕️🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 14,
    "html": "<b onclick=alert(1)>&amp;</b><script>x</script>" * 4,
    "one word": "x" * 200,
    "steering": "a\u202eb\u2066c\x1b[31m\n" * 20,
}
ANALYTICS = (
    "/api/v2/campaigns/analytics", "/api/v2/campaigns/analytics/overview", "/api/v2/campaigns/analytics/daily",
    "/api/v2/campaigns/analytics/steps", "/api/v2/accounts/analytics/daily", "/api/v2/accounts/warmup-analytics",
)  # fmt: skip


START = {"start_date": (NOON - timedelta(days=90)).date()}


def everything(made: Bench) -> None:
    """One sync of all streams."""
    made.sync(settings=START)


def no_account_works(made: Bench) -> None:
    """Mailboxes with connection errors that have not sent for more than thirty days."""
    made.mutate(*(_set("accounts", a["email"], status=-1) for a in made.state("accounts")))
    made.sync(settings=START)


def broken_long_ago(made: Bench) -> None:
    """Mailboxes that sent once; then everything was deleted but for them, forty days ago."""
    made.clock.start = NOON - timedelta(days=40)
    made.sync(settings=START)
    made.mutate(*({"op": "delete_campaign", "id": c["id"]} for c in made.state("campaigns")))
    made.advance(days=40)
    no_account_works(made)


def all_paused(made: Bench) -> None:
    """Nobody sends, and nobody will."""
    made.mutate(
        *(_set("campaigns", c["id"], status=2) for c in made.state("campaigns")),
        *(_set("accounts", a["email"], status=2) for a in made.state("accounts")),
    )
    made.sync(settings=START)


def only_campaigns(made: Bench) -> None:
    """A sync of one stream alone."""
    made.sync("campaigns", settings=START)


def only_leads(made: Bench) -> None:
    """A sync of leads, and of the campaigns it needs."""
    made.sync("leads", settings=START)


def no_analytics(made: Bench) -> None:
    """A key that may read lists, and no figures."""
    made.post("/switches", {"stream_status": dict.fromkeys(ANALYTICS, 403)})
    made.sync(settings=START)


def odd_names(made: Bench) -> None:
    """Names as users write them, and as nobody should."""
    named = zip(made.state("campaigns"), NAMES.values(), strict=True)
    made.mutate(
        *({"op": "rename_campaign", "id": c["id"], "name": name} for c, name in named),
        _set("workspaces", made.state("workspaces")[0]["id"], name=NAMES["html"]),
    )  # fmt: skip
    made.sync(settings=START)


def drafts(made: Bench) -> None:
    """Campaigns that never sent: a draft, one that is on, one that says nothing of itself."""
    made.mutate(
        *({"op": "insert", "collection": "campaigns", "record": {
            "id": f"019e0000-0000-7000-8000-00000000000{n}", "name": f"Idea {n}", "status": n, "campaign_schedule": {},
            "timestamp_created": "2026-05-30T00:00:00.000Z", "timestamp_updated": "2026-05-30T00:00:00.000Z",
        }} for n in range(3))
    )  # fmt: skip
    made.sync(settings=START)


def all_deleted(made: Bench) -> None:
    """Everything there was is gone."""
    made.sync(settings=START)
    made.mutate(
        *({"op": "delete_campaign", "id": c["id"]} for c in made.state("campaigns")),
        *({"op": "delete_account", "email": a["email"]} for a in made.state("accounts")),
        *({"op": "delete_lead", "id": lead["id"]} for lead in made.state("leads")),
    )
    made.sync(settings=START, full=True, accept_deletes=True)


def _set(collection: str, key: str, **values: Any) -> dict[str, Any]:
    return {"op": "update", "collection": collection, "id": key, "set": values}


Story = Callable[[Bench], None]
WORLDS: dict[str, tuple[SandboxConfig, Story]] = {
    "nothing at all": (NONE, everything),
    "no accounts": (replace(FEW, accounts=0), everything),
    "no account works": (replace(NONE, accounts=3), no_account_works),
    "broken long ago": (replace(FEW, now=NOON - timedelta(days=40)), broken_long_ago),
    "all paused": (FEW, all_paused),
    "one day old": (replace(FEW, days=1), everything),
    "no leads": (replace(FEW, leads=0), everything),
    "only campaigns": (FEW, only_campaigns),
    "only leads": (FEW, only_leads),
    "no analytics": (FEW, no_analytics),
    "one campaign": (replace(FEW, campaigns=1), everything),
    "drafts": (replace(NONE, accounts=1), drafts),
    "odd names": (replace(FEW, campaigns=len(NAMES), leads=300), odd_names),
    "all deleted": (FEW, all_deleted),
    "false flags left out": (replace(FEW, switches={"omit_false": True}), everything),
    "300 campaigns": (replace(FEW, campaigns=300, leads=1200, days=5), everything),
}


def published(folder: Path, empty_build: Path, names: Iterable[str]) -> tuple[Path, dict[str, str]]:
    """Some of them in one published file, which spares making the models for each; and the id of each workspace."""
    together, ids = Layout(folder / "together"), {}
    for number, name in enumerate(names):
        config, story = WORLDS[name]
        with bench(folder / name, replace(config, seed=number)) as made:
            story(made)
            ids[name] = made.state("workspaces")[0]["id"]
        shutil.copytree(made.layout.lake, together.lake, dirs_exist_ok=True)
    begin_with_tables(together, empty_build)
    with Warehouse(together, all_streams(), sql_dir=SQL, models=shipped_models()) as warehouse:
        warehouse.load()
        warehouse.run_models()
        warehouse.reconcile(run_id="run", now=NOON)
        warehouse.publish(run_id="run", now=NOON)
    return together.published_file, ids


def alone(every: Path, workspace_id: str, data_dir: Path) -> Path:
    """A data directory in whose published file one of the workspaces is left; the path of the file."""
    file = Layout(data_dir).published_file
    file.parent.mkdir(parents=True)
    shutil.copyfile(every, file)
    file.chmod(0o600)
    with duckdb.connect(str(file)) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_columns() where column_name = 'workspace_id' and "
            "(schema_name, table_name) in (select (schema_name, table_name) from duckdb_tables())"
        ).fetchall()
        for schema, table in tables:
            con.execute(f'delete from "{schema}"."{table}" where workspace_id <> ?', [workspace_id])
    return file

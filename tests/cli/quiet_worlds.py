"""Workspaces in which little or nothing happened, or of which little was read, published as a sync publishes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from instantly_pipeline.sandbox.config import SandboxConfig
from instantly_pipeline.streams.registry import all_streams
from instantly_pipeline.warehouse.warehouse import Warehouse
from tests.sync.harness import NOON, Bench, bench
from tests.warehouse.lakehelp import SQL, begin_with_tables, shipped_models

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


def everything(made: Bench) -> None:
    """One sync of all streams."""
    made.sync()


def no_account_works(made: Bench) -> None:
    """Mailboxes with connection errors that have not sent for more than thirty days."""
    made.mutate(*(_set("accounts", a["email"], status=-1) for a in made.state("accounts")))
    made.sync()


def broken_long_ago(made: Bench) -> None:
    """Mailboxes that sent once; then everything was deleted but for them, forty days ago."""
    made.sync()
    made.mutate(*({"op": "delete_campaign", "id": c["id"]} for c in made.state("campaigns")))
    made.advance(days=40)
    no_account_works(made)


def all_paused(made: Bench) -> None:
    """Nobody sends, and nobody will."""
    made.mutate(
        *(_set("campaigns", c["id"], status=2) for c in made.state("campaigns")),
        *(_set("accounts", a["email"], status=2) for a in made.state("accounts")),
    )
    made.sync()


def only_campaigns(made: Bench) -> None:
    """A sync of one stream alone."""
    made.sync("campaigns")


def only_leads(made: Bench) -> None:
    """A sync of leads, and of the campaigns it needs."""
    made.sync("leads")


def no_analytics(made: Bench) -> None:
    """A key that may read lists, and no figures."""
    made.post("/switches", {"stream_status": dict.fromkeys(ANALYTICS, 403)})
    made.sync()


def odd_names(made: Bench) -> None:
    """Names as users write them, and as nobody should."""
    campaigns = made.state("campaigns")
    made.mutate(
        *({"op": "rename_campaign", "id": c["id"], "name": name} for c, name in zip(campaigns, NAMES.values(), strict=True)),
        _set("workspaces", made.state("workspaces")[0]["id"], name=NAMES["html"]),
    )  # fmt: skip
    made.sync()


def drafts(made: Bench) -> None:
    """Campaigns that never sent: a draft, one that is on, one that says nothing of itself."""
    made.mutate(
        *({"op": "insert", "collection": "campaigns", "record": {
            "id": f"019e0000-0000-7000-8000-00000000000{n}", "name": f"Idea {n}", "status": n, "campaign_schedule": {},
            "timestamp_created": "2026-05-30T00:00:00.000Z", "timestamp_updated": "2026-05-30T00:00:00.000Z",
        }} for n in range(3))
    )  # fmt: skip
    made.sync()


def all_deleted(made: Bench) -> None:
    """Everything there was is gone."""
    made.sync()
    made.mutate(
        *({"op": "delete_campaign", "id": c["id"]} for c in made.state("campaigns")),
        *({"op": "delete_account", "email": a["email"]} for a in made.state("accounts")),
        *({"op": "delete_lead", "id": lead["id"]} for lead in made.state("leads")),
    )
    made.sync(full=True, accept_deletes=True)


def _set(collection: str, key: str, **values: Any) -> dict[str, Any]:
    return {"op": "update", "collection": collection, "id": key, "set": values}


Story = Callable[[Bench], None]
WORLDS: dict[str, tuple[SandboxConfig, Story]] = {
    "nothing at all": (NONE, everything),
    "no accounts": (replace(FEW, accounts=0), everything),
    "no account works": (replace(NONE, accounts=3), no_account_works),
    "broken long ago": (FEW, broken_long_ago),
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


@contextmanager
def published(name: str, folder: Path, empty_build: Path) -> Iterator[Bench]:
    """One of these workspaces after its last sync; its published file is at `layout.published_file`."""
    config, story = WORLDS[name]
    with bench(folder, config) as made:
        story(made)
        begin_with_tables(made.layout, empty_build)
        with Warehouse(made.layout, all_streams(), sql_dir=SQL, models=shipped_models()) as warehouse:
            warehouse.load()
            warehouse.run_models()
            warehouse.reconcile(run_id="run", now=made.time.start)
            warehouse.publish(run_id="run", now=made.time.start)
        yield made

"""Renders the page from facts, sentences, charts and templates, and writes the file atomically."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_IMODE

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.durable import storage_error
from instantly_pipeline.lake.permissions import refuse_links
from instantly_pipeline.report import charts, formatting, narrative
from instantly_pipeline.report.read import Facts, Row, read_facts

TEMPLATES = Path(__file__).with_name("templates")
MOST_WORKSPACES = 12  # that have a section of their own; the overview has all
MOST_CLIENTS = 12  # the same


@dataclass(frozen=True, slots=True)
class Page:
    """The rendered page. `workspaces` is their number, `as_of` the oldest read of a workspace in it."""

    html: str
    workspaces: int
    as_of: datetime | None
    is_old: bool


def make_page(published_file: Path, *, now: datetime) -> Page:
    """Render the page. UsageError if nothing is published, StorageError if the file cannot be read."""
    facts = read_facts(published_file)
    as_of = min((row["as_of"].replace(tzinfo=UTC) for row in facts.workspaces if row["as_of"]), default=None)
    lag = facts.workspaces[0]["max_lag_hours"] if facts.workspaces else None
    age, is_old = narrative.age(now, as_of, lag)
    html = _templates().get_template("page.html").render(
        facts=facts, now=now, as_of=as_of, age=age, is_old=is_old, overview=narrative.overview(facts),
        workspaces=[_workspace(facts, row, place) for place, row in enumerate(_shown(facts), 1)],
        clients=[_client(facts, row, place) for place, row in enumerate(facts.clients, 1)], most_clients=MOST_CLIENTS,
    )  # fmt: skip
    return Page(html, len(facts.workspaces), as_of, is_old)


def make_client_page(published_file: Path, name: str, *, now: datetime) -> Page:
    """Render the page of one client, with nothing of the others. UsageError, too, if there is no such client."""
    facts = read_facts(published_file)
    found = [row for row in facts.clients if row["client"] == name.strip()] or [
        row for row in facts.clients if row["client"].casefold() == name.strip().casefold()
    ]
    if not found:
        raise UsageError(_no_client(name, [row["client"] for row in facts.clients]))
    as_of = found[0]["as_of"].replace(tzinfo=UTC) if found[0]["as_of"] else None
    age, is_old = narrative.age(now, as_of, facts.workspaces[0]["max_lag_hours"])
    html = (
        _templates()
        .get_template("client.html")
        .render(client=_client(facts, found[0], 1), now=now, as_of=as_of, age=age, is_old=is_old)
    )
    return Page(html, 1, as_of, is_old)


def _no_client(name: str, names: list[str]) -> str:
    known = f"Clients are {formatting.listed(names)}." if names else "No client has a campaign yet."
    return (
        f"There is no client {name!r}. {known} Clients are lines of sql/seeds/clients.csv; "
        "`instantly-pipeline rebuild` reads it again. Nothing was written."
    )


def write_page(page: Page, to: Path, *, like: Path | None = None) -> int:
    """Write the page atomically; returns its size in bytes.

    `like` is the published file if the page is next to it: the page then gets its permissions. UsageError if the name
    does not end in .html, StorageError if the file cannot be written.
    """
    if like is not None:
        refuse_links(to.parent, to)
    if to.suffix.lower() not in {".html", ".htm"}:
        raise UsageError(f"{to} is not the name of an HTML page. Use one that ends in .html; nothing was written.")
    beside = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
    content = page.html.encode("utf-8")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        if like is not None:
            beside.chmod(S_IMODE(like.stat().st_mode))
        beside.replace(to)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise storage_error(to, error) from error
    return len(content)


def _client(facts: Facts, client: Row, place: int) -> Row:
    """The variables of a client's section."""
    weeks = facts.rows("client_weeks", client["client"])
    campaigns = facts.rows("client_campaigns", client["client"])
    ended = next((week for week in weeks if week["has_ended"]), None)
    return {
        **client,
        "id": f"c{place}",
        "weeks": weeks,
        "ended": ended,
        "tiles": narrative.client_tiles(ended),
        "campaigns_shown": campaigns,
        "reply_scale": narrative.axis_end(campaigns, "reply_rate", "reply_rate_high"),
    }


def _shown(facts: Facts) -> list[Row]:
    """The workspaces with a section: those that sent most, sorted by name."""
    sent = {row["workspace_id"]: (facts.row("campaign_sums", row["workspace_id"]) or {}) for row in facts.workspaces}
    by_size = sorted(facts.workspaces, key=lambda row: -(sent[row["workspace_id"]].get("sent") or 0))
    chosen = {row["workspace_id"] for row in by_size[:MOST_WORKSPACES]}
    return [row for row in facts.workspaces if row["workspace_id"] in chosen]


def _workspace(facts: Facts, workspace: Row, place: int) -> Row:
    """The variables of a workspace's section; `rows` and `sums` are by the name of the query."""
    key = workspace["workspace_id"]
    rows = {question: facts.rows(question, key) for question in facts.answers}
    sums = {question: facts.row(question, key) for question in facts.answers}
    bounce_limit = (facts.thresholds.get("bounce_rate") or {}).get("warning")
    days, to_come = rows["days"], rows["capacity"]
    return {
        "id": f"w{place}",
        "key": key,
        "name": workspace["workspace_name"],
        "as_of": workspace["as_of"],
        "rows": rows,
        "hidden": narrative.hidden(rows),  # sections that have nothing to show
        "sums": sums,
        "tiles": narrative.tiles(facts, key),
        "notes": narrative.attention(facts, key),
        # the streams that were read; empty if the file has no stream status, then no rows means there are none
        "read": {r["stream"] for r in rows["freshness"] if r["last_success_at"] and r["state"] != "not chosen"},
        "funnel": narrative.funnel(sums["funnel"]),
        "trend": charts.trend(days, bounce_limit) if days else None,
        "bounce_limit": bounce_limit,
        "capacity": charts.capacity(to_come) if any(row["daily_limit"] for row in to_come) else None,
        "positive_scale": narrative.axis_end(rows["campaigns"], "positive_per_1000", "positive_per_1000_high"),
        "step_scale": narrative.axis_end(rows["steps"], "replies_per_1000", "replies_per_1000_high"),
        "variant_scale": narrative.axis_end(rows["variants"], "posterior_mean", "posterior_high"),
        "bounce_scale": narrative.axis_end(rows["senders"], "bounce_rate", "bounce_rate_high"),
        "list_scale": narrative.axis_end(rows["lists"], "lead_positive_rate", "lead_positive_rate_high"),
        "runway_scale": max((row["days_left_high"] or 0 for row in rows["runway"]), default=0) or 1,
    }


def _dash_for_none(value: object) -> object:
    """Jinja's `finalize`: shows None as a dash."""
    return formatting.NONE if value is None else value


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_dash_for_none,
    )  # fmt: skip
    environment.filters |= {
        "n": formatting.number,
        "pct": formatting.percent,
        "day": formatting.day,
        "weekday": formatting.weekday,
        "moment": formatting.moment,
        "name": formatting.name,
        "quoted": formatting.quoted,
        "drawn": Markup,
        "blocker": narrative.blocker,
        "week": formatting.week,
    }
    environment.globals |= {"counted": formatting.counted, "listed": formatting.listed}
    return environment

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
    )  # fmt: skip
    return Page(html, len(facts.workspaces), as_of, is_old)


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
    }
    environment.globals |= {"counted": formatting.counted, "listed": formatting.listed}
    return environment

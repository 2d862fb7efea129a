"""Runs the probe on one workspace: the requests in order, then the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr

from instantly_pipeline.api.client import ApiClient
from instantly_pipeline.api.clock import SYSTEM, Clock
from instantly_pipeline.api.limiter import Limiter
from instantly_pipeline.doctor.probe.access import access_questions
from instantly_pipeline.doctor.probe.figures import (
    FigureReplies,
    ask_figures,
    busiest_campaign,
    campaign_of,
    figure_questions,
)
from instantly_pipeline.doctor.probe.leads import Counted, ask_leads, lead_questions
from instantly_pipeline.doctor.probe.lists import ask_lists, list_questions
from instantly_pipeline.doctor.probe.logs import ask_logs, log_questions
from instantly_pipeline.doctor.probe.question import Answer, answer_all
from instantly_pipeline.doctor.probe.replies import (
    ONCE,
    TIMEOUTS,
    Asker,
    NotAnswered,
    Observed,
    Reply,
    not_sent,
    unsent,
)
from instantly_pipeline.doctor.probe.values import count
from instantly_pipeline.errors import UsageError
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.settings import Settings
from instantly_pipeline.sync.identity import Names
from instantly_pipeline.sync.learned_rate import recall_rate

# Requests, counted: on a server without surprises, and where every request with a second form is sent in both.
USUAL, MOST = 26, 32


@dataclass(frozen=True, slots=True)
class Probed:
    """The answers of one probe, and what it took."""

    at: datetime
    requests: int
    answered: int  # requests that were answered as asked
    answers: list[Answer]


def chosen_key(settings: Settings, workspace: str | None) -> tuple[str, SecretStr]:
    """The name and key of a workspace, by default the first one; UsageError if there is none of that name."""
    keys = settings.keys()
    name = next(iter(keys)) if workspace is None else workspace
    if name not in keys:
        raise UsageError(f"There is no workspace {name!r}. The settings name: {', '.join(sorted(keys))}.")
    return name, keys[name]


async def probe(
    settings: Settings,
    workspace: str,
    key: SecretStr,
    *,
    on_request: Callable[[int], None] = lambda sent: None,
    time: Clock = SYSTEM,
) -> Probed:
    """Ask and answer everything, at no more than the rate that syncs have learned; `on_request` counts along.

    Writes nothing. Requests that fail are answers too: only an unusable key or address raises UsageError.
    """
    limiter = _limiter(settings, workspace, time)
    observed = Observed()
    client = ApiClient(
        base_url=settings.base_url, key=key.get_secret_value(), limiter=limiter, clock=time, retry=ONCE,
        timeouts=TIMEOUTS, concurrency=1, on_response=observed.observe,
    )  # fmt: skip
    async with client:
        return await _ask_and_answer(Asker(client, observed, on_request), observed, time.now().astimezone(UTC))


async def _ask_and_answer(ask: Asker, observed: Observed, now: datetime) -> Probed:
    lists = await ask_lists(ask)
    counters = await ask.get("campaigns/analytics")
    try:
        busiest = busiest_campaign(counters)
        campaign, lacking = campaign_of(busiest), not_sent("")
    except NotAnswered as none:
        busiest, campaign, lacking = {}, None, unsent(none)
    counted = Counted(_leads_in(counters), count(busiest, "leads_count"))
    leads = await ask_leads(ask, campaign, counted, now, lacking)
    figures = await ask_figures(ask, campaign, now.date()) if campaign else FigureReplies(lacking)
    logs = await ask_logs(ask, counters, lists.accounts, now, figures.days_at_once)
    questions = [
        *list_questions(lists, leads.some()), *lead_questions(leads), *figure_questions(figures),
        *log_questions(logs, now), *access_questions(observed),
    ]  # fmt: skip
    return Probed(now, ask.sent, ask.answered, answer_all(questions))


def _limiter(settings: Settings, workspace: str, time: Clock) -> Limiter:
    """A limiter at the rate that the workspace's syncs have learned, if any."""
    limiter = Limiter.for_cap(settings.max_requests_per_minute, time)
    layout = Layout(settings.data_dir)
    if (workspace_id := Names(layout).bound(workspace)) is not None:
        recall_rate(limiter, Checkpoints(layout, workspace_id))
    return limiter


def _leads_in(counters: Reply) -> int:
    rows = counters.body if isinstance(counters.body, list) else []
    return sum(count(row, "leads_count") for row in rows if isinstance(row, dict))

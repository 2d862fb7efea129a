"""What is known of the recency queries of one workspace, and where they may take the place of reading a whole campaign.

`POST /leads/list` takes `queries`: leads with a reply, an open, an e-mail, a click or a change of status within the
last n days (reference, section 5.1). Nobody has written down what they leave out, so nothing is believed unseen. An
action is asked for only after a probe of this workspace has found it right, a recent touch is enough only where the
counters say nothing it does not explain, and where a sweep finds a change that one should have shown they are switched
off, until the stream is reset.

A recent touch says nothing about the leads it does not show: their `_verified_at` stays, and the next sweep reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from instantly_pipeline.lake.changes import Values
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.counters import FIGURES

LEAST_DAYS = 3
REPLY_DAYS = 14  # whoever replied lately is who a person marks as interested, or not
MARGIN_DAYS = 2  # one because days may be those of a calendar, one because opens and replies arrive late
AGAIN = timedelta(days=1)  # until an action found wrong, or a campaign where it did not pay, is tried again
WORTH = 0.8  # of a campaign's pages: where a recent touch would take more it is read whole
GUESS = 0.2  # of a campaign's pages are what happened lately, where that was never read
DAY = timedelta(days=1)
PROBE_PAGES = 5  # at most, of each action: some hundred leads show whether it is right

KEPT = ("further", "took_at", "dear")  # of a campaign, when it is read otherwise

RECENT, OFF, SERVER, SWEPT, QUERIES = "leads.recent", "leads.recent_off", "leads.server", "leads.swept", "queries"


@dataclass(frozen=True, slots=True)
class Action:
    """One `actionType`: the column that tells when it last happened to a lead, and the counter that moves with it."""

    name: str
    stamp: str
    figure: str
    least_days: int = LEAST_DAYS
    margin_days: int = MARGIN_DAYS

    def days(self, since: datetime, now: datetime) -> int:
        """How many days to ask for, to see everything `since` then."""
        return max(-((since - now) // DAY) + self.margin_days, self.least_days)


ACTIONS = (
    Action("last-contacted", "timestamp_last_contact", "emails_sent_count", 2, 1),  # e-mails sent do not arrive late
    Action("email-open", "timestamp_last_open", "open_count"),
    Action("reply", "timestamp_last_reply", "reply_count", REPLY_DAYS),
    Action("link-click", "timestamp_last_click", "link_click_count"),
)
ALWAYS = ACTIONS[0]
BESIDES = Action("lead-status-change", "", "")  # no lead says when: it cannot be proven, and nothing relies on it

# what else counters tell: so many of the leads that a recent touch finds changed have to be like this
EXPLAINED: Mapping[str, Callable[[Values], bool]] = {
    "completed_count": lambda lead: lead("status") == 3,
    "bounced_count": lambda lead: lead("status") == -1,
    "unsubscribed_count": lambda lead: lead("status") == -2,
    "total_opportunities": lambda lead: (lead("lt_interest_status") or 0) > 0,
}


def question(campaign: str, action: Action, days: int) -> dict[str, object]:
    """The body that asks for the leads of a campaign with something in the last `days`.

    One action a body: whether several mean that all or any must have happened is not known.
    """
    return {"campaign": campaign, "queries": [{"actionType": action.name, "values": {"occurrence-days": days}}]}


def rises(held: str | None, token: str) -> dict[str, int] | None:
    """By how much each of `FIGURES` rose between two tokens of a campaign.

    None where that would not explain all: a figure fell, or is missing, or the campaign's own row changed.
    """
    before, after = (held or "").split("|"), token.split("|")
    if len(before) != len(after) or before[1] != after[1] or not before[0] or not after[0]:
        return None
    try:
        pairs = zip(map(int, before[2].split(",")), map(int, after[2].split(",")), strict=True)
        rose = {name: new - old for name, (old, new) in zip(FIGURES, pairs, strict=True)}
    except (ValueError, IndexError):
        return None
    return rose if min(rose.values()) >= 0 else None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one recent touch came to: pages beyond the first of each action, and changes no counter accounts for yet."""

    at: datetime
    further: int
    over: Mapping[str, int]


class Lately:
    """Of one workspace: which actions have proven right, and when and how each campaign was read last."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._states = ctx.states
        self._read: dict[str, object] = ctx.states.read(RECENT)

    def is_off(self) -> bool:
        """Whether a sweep has caught recent touches missing a change."""
        return bool(self._states.read(OFF))

    def proven(self) -> list[Action]:
        """The actions that were found right."""
        found = self._verdicts()
        return [action for action in ACTIONS if _of(found, action.name).get("ok") is True]

    def asked(self, token: str) -> list[Action]:
        """The actions to ask for: without those that, by its counters, never happened in the campaign."""
        figures = dict(zip(FIGURES, token.split("|")[-1].split(","), strict=False))
        proven = [action for action in self.proven() if figures.get(action.figure) != "0"]
        return [*proven, BESIDES] if self._may_be_tried(BESIDES) else proven

    def untested(self) -> list[Action]:
        """The actions to probe."""
        proven = self.proven()
        return [action for action in ACTIONS if action not in proven and self._may_be_tried(action)]

    def decide(self, action: Action, *, ok: bool) -> None:
        """Remember whether an action was found right."""
        verdict = {"ok": ok, "at": self._ctx.now().isoformat()}
        known = self._states.read(SERVER)
        self._states.write(SERVER, known | {QUERIES: self._verdicts() | {action.name: verdict}})

    def is_enough(self, campaign: str, held: str | None, token: str, pages: int) -> bool:
        """Whether a recent touch may do for a campaign that moved from `held` to `token`, and is worth it."""
        rose, since, now = rises(held, token), self.read_at(campaign), self._ctx.now()
        if self.is_off() or rose is None or since is None or since > now:
            return False
        if not self._is_worth_it(campaign, pages, now):
            return False
        proven = self.proven()
        return ALWAYS in proven and all(action in proven for action in ACTIONS if rose[action.figure])

    def _is_worth_it(self, campaign: str, pages: int, now: datetime) -> bool:
        """Whether a recent touch costs less than reading a campaign whole; what did not is tried again a day later."""
        entry = self._entry(campaign)
        left, took = instant(entry.get("dear")), instant(entry.get("took_at"))
        if not self.is_large(pages) or (left is not None and now - left < AGAIN):
            return False
        much = self.further(campaign, pages) + self._ctx.sizes.recent_pages > WORTH * pages
        return not much or (took is not None and now - took >= AGAIN)

    def is_large(self, pages: int) -> bool:
        """Whether a campaign of so many pages is ever worth a recent touch."""
        return self._ctx.sizes.recent_pages <= WORTH * pages

    def read_at(self, campaign: str) -> datetime | None:
        """Since when what happened in a campaign may not be in the lake."""
        swept = instant(self._states.read(SWEPT).get("began"))
        return instant(self._entry(campaign).get("at")) or swept

    def further(self, campaign: str, pages: int) -> int:
        """How many pages beyond the first of each action a recent touch takes: as many as the last one."""
        found = self._entry(campaign).get("further")
        return found if isinstance(found, int) else int(GUESS * pages)

    def over(self, campaign: str) -> Mapping[str, int]:
        """By counter: changes the last recent touch showed before the counters did."""
        return {name: n for name, n in _of(self._entry(campaign), "over").items() if isinstance(n, int)}

    def touched(self) -> dict[str, datetime]:
        """The campaigns whose last reading was a recent touch, and when it began."""
        found = {c: instant(self._entry(c).get("at")) for c in self._read if self._entry(c).get("recent") is True}
        return {campaign: at for campaign, at in found.items() if at is not None}

    def read_lately(self, readings: Mapping[str, Reading]) -> None:
        """Recent touches that were enough."""
        self._write(
            {
                campaign: {
                    "at": one.at.isoformat(),
                    "recent": True,
                    "further": one.further,
                    "took_at": one.at.isoformat(),
                    "over": dict(one.over),
                }
                for campaign, one in readings.items()
            }
        )

    def read_whole(self, campaigns: Collection[str], at: datetime) -> None:
        """All leads of these campaigns were read."""
        self._write({campaign: self._kept(campaign) | {"at": at.isoformat()} for campaign in campaigns})

    def in_vain(self, campaigns: Collection[str]) -> None:
        """Recent touches were not enough, or took as much as reading the campaigns whole."""
        dear = {"dear": self._ctx.now().isoformat()}
        self._write({campaign: self._entry(campaign) | dear for campaign in campaigns})

    def swept(self) -> None:
        """Everything was swept."""
        self._write({campaign: self._kept(campaign) for campaign in self._read})

    def turn_off(self, why: str, stream: str) -> None:
        """No recent touches in this workspace from now on."""
        self._states.write(OFF, {"why": why, "at": self._ctx.now().isoformat()})
        self._ctx.say(f"{why}; from now on campaigns that move are read whole (reset leads to try again).", stream)
        self._ctx.notes.add(
            "quarantine", stream=stream, key=None, column="", expected="", found="", seen_at=self._ctx.now(),
            reason=f"{why}; campaigns that move are read whole from now on", times=1,
        )  # fmt: skip

    def _may_be_tried(self, action: Action) -> bool:
        """Whether an action was not found wrong, or that is a while ago."""
        verdict = _of(self._verdicts(), action.name)
        at = instant(verdict.get("at"))
        return verdict.get("ok") is not False or at is None or self._ctx.now() - at >= AGAIN

    def _verdicts(self) -> dict[str, object]:
        return _of(self._states.read(SERVER), QUERIES)

    def _write(self, rows: Mapping[str, object]) -> None:
        self._read |= rows
        self._states.write(RECENT, self._read)

    def _entry(self, campaign: str) -> dict[str, object]:
        return _of(self._read, campaign)

    def _kept(self, campaign: str) -> dict[str, object]:
        return {name: value for name, value in self._entry(campaign).items() if name in KEPT}


def _of(state: Mapping[str, object], name: str) -> dict[str, object]:
    found = state.get(name)
    return found if isinstance(found, dict) else {}


def instant(text: object) -> datetime | None:
    """An instant as a checkpoint has it; None for anything else, such as one without its offset."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None

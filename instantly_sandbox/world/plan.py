"""The plan of one workspace: its campaigns and sending accounts, with the rates that drive their events.

Decides rates, windows and names. `campaign_records` and `account_records` render them as API records, `timelines`
generates the events.
"""

from dataclasses import dataclass, field

from numpy.random import Generator

from instantly_sandbox.world import word_lists
from instantly_sandbox.world.seeded import DAY, HOUR, NEVER, rng, stable, uuid_at

STEPS = 4
VARIANTS = 3
PATTERN = (1, 1, 3, 1, 2, 1, 0, 1, 3, -1, 4, -2)
ZONES = (("America/Detroit", 5), ("Europe/Belgrade", -1), ("America/Chicago", 6), ("Europe/Isle_of_Man", 0))


@dataclass(frozen=True)
class AccountPlan:
    """One sending account. `health` multiplies bounces and warmup spam (1 is good, 6 is the bad domain)."""

    index: int
    email: str
    first_name: str
    last_name: str
    domain: str
    provider: int
    created: int
    deleted: int
    health: float


@dataclass(frozen=True)
class CampaignPlan:
    """One campaign. Sends happen in [start, end); `statuses` and `names` are (from instant, value)."""

    index: int
    id: str
    created: int
    start: int
    end: int
    deleted: int
    statuses: tuple[tuple[int, int], ...]
    names: tuple[tuple[int, str], ...]
    delays: tuple[int, ...]
    variants: tuple[int, ...]
    variant_pull: tuple[tuple[float, ...], ...]
    reply_rate: float
    positive_share: float
    backlog_days: float
    weight: float
    open_tracking: bool
    link_tracking: bool
    zone: str
    utc_offset: int
    pl_value: int
    accounts: tuple[int, ...] = field(default=())

    @property
    def steps(self) -> int:
        return len(self.delays)

    def status(self, now: int) -> int:
        return [value for since, value in self.statuses if since <= now or since == self.statuses[0][0]][-1]

    def name(self, now: int) -> str:
        return [value for since, value in self.names if since <= now or since == self.names[0][0]][-1]

    def changed(self, now: int) -> int:
        """The last instant at which the campaign itself changed."""
        return max([t for t, _ in (*self.statuses, *self.names) if t <= now], default=self.created)


@dataclass(frozen=True)
class Plan:
    """A workspace before any events."""

    seed: int
    workspace: int
    workspace_id: str
    owner_id: str
    now0: int
    window: int  # first instant of the `days` days
    campaigns: tuple[CampaignPlan, ...]
    accounts: tuple[AccountPlan, ...]
    leads: int


def make_plan(seed: int, workspace: int, now0: int, days: int, campaigns: int, leads: int, accounts: int) -> Plan:
    """`campaigns` of them are listed at `now0`; about one in twelve more was deleted before."""
    window = now0 - days * DAY
    mailboxes = _accounts(seed, workspace, now0, window, accounts)
    gone = max(1, campaigns // 12) if campaigns else 0
    plans = tuple(
        _campaign(seed, workspace, i, now0, window, mailboxes[:accounts], i >= campaigns)
        for i in range(campaigns + gone)
    )
    created = window - 400 * DAY
    return Plan(
        seed=seed,
        workspace=workspace,
        workspace_id=uuid_at(created, seed, workspace, "workspace"),
        owner_id=uuid_at(created, seed, workspace, "owner"),
        now0=now0,
        window=window,
        campaigns=plans,
        accounts=mailboxes,
        leads=leads,
    )


def _accounts(seed: int, workspace: int, now0: int, window: int, count: int) -> tuple[AccountPlan, ...]:
    """The existing accounts, then those that will be added, one every ten days."""
    domains = max(2, min(len(word_lists.SENDING_DOMAINS) + 1, count // 4)) if count else 0
    made = []
    for i in range(count + (36 if count else 0)):
        gen = rng(seed, workspace, "account", i)
        bad = i % domains == domains - 1
        name = word_lists.BAD_DOMAIN if bad else word_lists.SENDING_DOMAINS[i % domains]
        domain = f"{name}{'' if workspace == 0 else workspace + 1}.example"
        first, last = word_lists.FIRST[stable(seed, i, "f") % 40], word_lists.LAST[stable(seed, i, "l") % 50]
        created = now0 + (i - count + 1) * 10 * DAY if i >= count else _account_created(gen, i, now0, window)
        made.append(
            AccountPlan(
                index=i,
                email=f"{first}.{last.replace(chr(39), '')}{'' if i < 12 else i}@{domain}".lower(),
                first_name=first,
                last_name=last,
                domain=domain,
                provider=(2, 3, 2, 1)[(i % domains) % 4],
                created=created,
                deleted=now0 + 18 * DAY if count > 8 and i == count - 2 else NEVER,
                health=6.0 if bad else float(gen.uniform(0.6, 1.3)),
            )
        )
    return tuple(made)


def _account_created(gen: Generator, i: int, now0: int, window: int) -> int:
    early = window - int(gen.uniform(20, 300) * DAY)
    return early if i % 6 else window + int(gen.uniform(0.2, 0.9) * (now0 - window))


def _window(status: int, slot: int, now0: int, window: int, share: float) -> tuple[int, int]:
    """When a campaign of this status sends: [start, end)."""
    span = now0 - window
    if status == 0:
        return NEVER, NEVER
    if status in (3, 4):
        start = window + int(share * 0.15 * span)
        return start, start + int(0.55 * span)
    start = window + int(share * 0.55 * span)
    if status == 1:
        return start, NEVER if slot != 7 else now0 + 15 * DAY
    return start, now0 - {2: int(0.1 * span), -1: 3 * DAY, -2: 2 * DAY}[status]


def _statuses(status: int, created: int, start: int, end: int) -> tuple[tuple[int, int], ...]:
    if status == 0:
        return ((created, 0),)
    history = [(created, 0), (start, 1)]
    if end < NEVER:
        history.append((end, status if status != 1 else 3))
    return tuple(history)


def _campaign(
    seed: int,
    workspace: int,
    i: int,
    now0: int,
    window: int,
    accounts: tuple[AccountPlan, ...],
    gone: bool,
) -> CampaignPlan:
    gen = rng(seed, workspace, "campaign", i)
    status = 3 if gone else PATTERN[i] if i < len(PATTERN) else int(gen.choice([1, 1, 1, 1, 2, 3, 3, 0]))
    start, end = _window(status, i % 12, now0, window, float(gen.random()))
    span = now0 - window
    deleted = now0 - int(0.2 * span) if gone else now0 + 25 * DAY if i == 8 else NEVER
    end = min(end, deleted - HOUR)
    created = (start if start < NEVER else window + int(0.7 * span)) - int(gen.uniform(0.5, 6) * DAY)
    steps = int(gen.choice([2, 3, 3, 4]))
    variants = tuple(int(v) for v in ([gen.integers(2, 4)] + [int(gen.choice([1, 1, 2])) for _ in range(steps - 1)]))
    pull = tuple(tuple(float(x) for x in (1.0, gen.uniform(0.45, 1.9), gen.uniform(0.4, 1.5))) for _ in range(steps))
    zone, offset = ZONES[int(gen.integers(0, len(ZONES)))]
    return CampaignPlan(
        index=i,
        id=uuid_at(created, seed, workspace, "campaign", i),
        created=created,
        start=start,
        end=end,
        deleted=deleted,
        statuses=_statuses(status, created, start, end),
        names=_names(gen, i, created, now0),
        delays=tuple(int(d) for d in gen.choice([2, 3, 3, 4, 5], steps)),
        variants=variants,
        variant_pull=pull,
        reply_rate=float(gen.uniform(0.006, 0.021)),
        positive_share=float(gen.uniform(0.2, 0.32)),
        backlog_days=float(gen.uniform(4, 14)) if status not in (3, 4) else 2.0,
        weight=float(gen.lognormal(0, 0.45)) * {0: 0.35, 1: 1.8}.get(status, 0.8),
        open_tracking=i % 5 != 3,
        link_tracking=i % 3 != 1,
        zone=zone,
        utc_offset=offset,
        pl_value=int(gen.choice([500, 1000, 1500, 2400])),
        accounts=_senders(gen, accounts, window),
    )


def _senders(gen: Generator, accounts: tuple[AccountPlan, ...], window: int) -> tuple[int, ...]:
    old = [a.index for a in accounts if a.created < window]
    if not old:
        old = [a.index for a in accounts]
    take = min(len(old), max(3, len(old) // 3))
    return tuple(sorted(int(x) for x in gen.choice(old, take, replace=False))) if take else ()


def _names(gen: Generator, i: int, created: int, now0: int) -> tuple[tuple[int, str], ...]:
    pool = word_lists.CAMPAIGN_NAMES
    base = pool[i % len(pool)] + (f" #{i // len(pool) + 1}" if i >= len(pool) else "")
    first = now0 + int(gen.uniform(0.2, 70) * DAY)
    return ((created, base), (first, f"{base} (v2)"), (first + 60 * DAY, f"{base} \u2013 renewed"))

"""Generates the events of a batch of leads, from import to the last reply: columns and an event log, vectorised.

A batch is the leads that exist at the start, or those added on one later day. Its future is already in the log; the
clock decides what is visible.
"""

import numpy as np
from numpy.random import Generator

from instantly_sandbox.world.columns import (
    AUTO_REPLIED,
    BOUNCED,
    CLICKED,
    COMPLETED,
    EDITED,
    INTEREST,
    NOBODY,
    OPENED,
    REPLIED,
    SENT,
    UNSUBSCRIBED,
    V4_UNTIL,
    Events,
    Leads,
    no_events,
    typed,
)
from instantly_sandbox.world.plan import STEPS, VARIANTS, CampaignPlan, Plan
from instantly_sandbox.world.seeded import DAY, HOUR, MINUTE, NEVER, Bools, Ints, rng, uuid_halves

NEW_PER_DAY = 0.01
DELETED_PER_DAY = 0.0006
MOVED_PER_DAY = 0.0004


class _Batch:
    """Writes the events of one batch; campaign attributes are spread over its rows."""

    def __init__(self, plan: Plan, leads: Leads, first_row: int, gen: Generator) -> None:
        self.gen, self.leads, self.first_row, self.parts = gen, leads, first_row, [no_events()]
        self.plans = plan.campaigns
        sending = (leads.campaign >= 0) & (leads.account >= 0)
        self.rows = np.flatnonzero(sending)
        self.n = len(self.rows)
        self.campaign = leads.campaign[self.rows].astype(np.int64)
        self.account = leads.account[self.rows].astype(np.int64)
        self.health = np.array([a.health for a in plan.accounts] or [1.0])[self.account]
        self.verification = leads.verification[self.rows]

    def of(self, attribute: str, dtype: type = np.int64) -> np.ndarray:
        values: np.ndarray = np.array([getattr(c, attribute) for c in self.plans] or [0], dtype)
        return np.asarray(values[self.campaign])

    def chance(self, p: "np.ndarray | float") -> Bools:
        return np.asarray(self.gen.random(self.n) < p)

    def add(
        self,
        kind: int,
        where: Bools,
        at: Ints,
        *,
        step: "np.ndarray | int" = -1,
        variant: "np.ndarray | int" = -1,
        value: "np.ndarray | int" = 0,
        late: float = 0.0,
    ) -> Ints:
        """Add an event to the rows of `where`; returns the instants at which they are seen."""
        lag = np.where(self.chance(late), self.gen.integers(2 * HOUR, 40 * HOUR, self.n), 0) if late else 0
        seen = at + lag
        i = np.flatnonzero(where)
        columns = (self.rows + self.first_row, kind, step, variant, value, self.campaign, self.account, at, seen)
        self.parts.append(typed([np.broadcast_to(np.asarray(c), (self.n,))[i] for c in columns]))
        return np.asarray(seen)

    def run(self) -> Events:
        if self.n:
            first = _first_contact(self)
            _sequence(self, first)
        return Events.join(self.parts)


def _working_time(at: Ints, offset_hours: np.ndarray, gen: Generator) -> Ints:
    """The same day, or for a weekend one of the next weekdays, between 09:00 and 17:00 of the campaign's zone."""
    local = at // DAY
    weekday = (local + 4) % 7  # 0 is Sunday
    backlog = gen.integers(0, 5, len(at))  # limits spread a weekend's backlog over the week
    local = local + np.select([weekday == 6, weekday == 0], [2 + backlog, 1 + backlog], 0)
    within = gen.integers(9 * HOUR, 17 * HOUR, len(at))
    return np.asarray(local * DAY + within + offset_hours * HOUR)


def _first_contact(batch: _Batch) -> Ints:
    leads, gen = batch.leads, batch.gen
    created, start = leads.created[batch.rows], batch.of("start")
    wait = gen.exponential(1.0, batch.n) * batch.of("backlog_days", float) * DAY
    ready = np.minimum(np.maximum(created + HOUR, start), NEVER // 2)
    at = _working_time(ready + wait.astype(np.int64), batch.of("utc_offset"), gen)
    at = np.where(at < ready, at + DAY + (at // DAY % 7 == 1) * 2 * DAY, at)  # a Friday's remainder goes to Monday
    skipped = (batch.verification == -1) & batch.chance(0.85) & (at < batch.of("end"))
    leads.skipped[batch.rows[skipped]] = at[skipped]
    return np.where(skipped | (at >= batch.of("end")), NEVER, at)


def _sequence(batch: _Batch, first: Ints) -> None:
    """Sends each step until a reply, a bounce, an unsubscribe, the campaign's end or the lead's removal."""
    gen, n = batch.gen, batch.n
    leads = batch.leads
    halt = np.minimum(leads.deleted[batch.rows], np.minimum(leads.moved[batch.rows], batch.of("end")))
    halt = np.minimum(halt, batch.of("deleted"))
    at, steps = first, batch.of("steps")
    replied_at = np.full(n, NEVER)
    finished = np.full(n, NEVER)
    width = max((c.steps for c in batch.plans), default=0)
    for step in range(min(width, STEPS)):
        alive = (at < halt) & (steps > step)
        variant = _variants(batch, step)
        batch.add(SENT, alive, at, step=step, variant=variant)
        opened = _opens(batch, alive, at, step, variant)
        _clicks(batch, opened, at, step, variant)
        halt = np.minimum(halt, _bad_endings(batch, alive, at, step, variant))
        reply = _replies(batch, alive & (at < halt), at, step, variant)
        replied_at = np.minimum(replied_at, reply)
        halt = np.minimum(halt, reply)
        last = alive & (steps == step + 1)
        finished = np.where(last, at + DAY, finished)
        delay = np.array([(c.delays[step] if step < c.steps else 0) for c in batch.plans])[batch.campaign]
        following = _working_time(at + delay * DAY, batch.of("utc_offset"), gen)
        at = np.where(alive, np.maximum(following, at + 20 * HOUR), NEVER)
    done = np.minimum(np.minimum(finished, halt), replied_at)
    ended_well = (done < NEVER) & ((replied_at == done) | ((finished == done) & (finished < halt)))
    batch.add(COMPLETED, ended_well, done)


def _variants(batch: _Batch, step: int) -> np.ndarray:
    count = np.array([(c.variants[step] if step < c.steps else 1) for c in batch.plans])[batch.campaign]
    return np.asarray((batch.gen.random(batch.n) * count).astype(np.int64))


def _opens(batch: _Batch, sent: Bools, at: Ints, step: int, variant: np.ndarray) -> Bools:
    gen, n = batch.gen, batch.n
    tracked = batch.of("open_tracking", bool)
    opened = sent & tracked & batch.chance(np.where(batch.health > 2, 0.14, 0.44) * 0.9**step)
    first = at + (gen.lognormal(1.6, 1.5, n).clip(0.02, 300) * HOUR).astype(np.int64)
    batch.add(OPENED, opened, first, step=step, variant=variant, late=0.12)
    again = opened & batch.chance(0.3)
    later = first + (gen.lognormal(2.6, 1.2, n).clip(0.05, 400) * HOUR).astype(np.int64)
    batch.add(OPENED, again, later, step=step, variant=variant, late=0.12)
    return np.asarray(opened)


def _clicks(batch: _Batch, opened: Bools, at: Ints, step: int, variant: np.ndarray) -> None:
    clicked = opened & batch.of("link_tracking", bool) & batch.chance(0.035)
    when = at + batch.gen.integers(10 * MINUTE, 60 * HOUR, batch.n)
    batch.add(CLICKED, clicked, when, step=step, variant=variant)
    twice = clicked & batch.chance(0.25)
    batch.add(CLICKED, twice, when + batch.gen.integers(MINUTE, DAY, batch.n), step=step, variant=variant)


def _bad_endings(batch: _Batch, sent: Bools, at: Ints, step: int, variant: np.ndarray) -> Ints:
    """Bounces and unsubscribes; returns the instants at which they end the sequence."""
    quality = np.select(
        [batch.verification == -1, batch.verification == -2, batch.verification == -3], [22.0, 5.0, 2.5], 1.0
    )
    rate = np.minimum(0.007 * batch.health * quality, 0.6) * (1.0 if step == 0 else 0.08)
    bounced = sent & batch.chance(rate)
    bounced_at = at + batch.gen.integers(MINUTE // 6, 20 * MINUTE, batch.n)
    batch.add(BOUNCED, bounced, bounced_at, step=step, variant=variant)
    leaves = sent & ~bounced & batch.chance(0.0035)
    left_at = at + batch.gen.integers(5 * MINUTE, 50 * HOUR, batch.n)
    batch.add(UNSUBSCRIBED, leaves, left_at, step=step, variant=variant)
    return np.where(bounced, bounced_at, np.where(leaves, left_at, NEVER))


def _replies(batch: _Batch, sent: Bools, at: Ints, step: int, variant: np.ndarray) -> Ints:
    """Automatic and human replies with their outcomes; returns the instants of human replies."""
    gen, n = batch.gen, batch.n
    away = sent & batch.chance(0.013 if step == 0 else 0.006)
    away_at = at + gen.integers(20_000, 9 * MINUTE, n)
    away_seen = batch.add(AUTO_REPLIED, away, away_at, step=step, variant=variant)
    batch.add(INTEREST, away & batch.chance(0.5), away_seen + gen.integers(MINUTE, HOUR, n), value=0)
    pull = np.array([[*c.variant_pull[step]] if step < c.steps else [0.0] * VARIANTS for c in batch.plans])
    rate = batch.of("reply_rate", float) * pull[batch.campaign, variant] * (1.0, 0.75, 0.5, 0.35)[step]
    rate = rate * np.where(batch.health > 2, 0.35, 1.0)
    human = sent & batch.chance(rate)
    replied_at = at + (gen.lognormal(1.9, 1.4, n).clip(0.05, 290) * HOUR).astype(np.int64)
    unmatched = batch.chance(0.03)  # answered from another address: no step is known
    known_step, known_variant = np.where(unmatched, -1, step), np.where(unmatched, -1, variant)
    seen = batch.add(REPLIED, human, replied_at, step=known_step, variant=known_variant, late=0.12)
    again = human & batch.chance(0.3)
    again_at = replied_at + gen.integers(8 * HOUR, 5 * DAY, n)
    batch.add(REPLIED, again, again_at, step=known_step, variant=known_variant)
    _interest(batch, human, seen)
    return np.where(human, replied_at, NEVER)


def _interest(batch: _Batch, replied: Bools, seen: Ints) -> None:
    """The interest status that a user gives to a lead that replied, and its later changes."""
    gen, n = batch.gen, batch.n
    u, marked = gen.random(n), seen + gen.integers(10 * MINUTE, 20 * HOUR, n)
    share = batch.of("positive_share", float)
    positive = replied & (u < share)
    custom = positive & batch.chance(0.18)
    batch.add(INTEREST, positive, marked, value=np.where(custom, np.where(u * 50 % 1 < 0.6, 10231, 10234), 1))
    rest = replied & ~positive
    values = np.select([u > 0.93, u > 0.88, u > 0.84, u > 0.4], [-2, 10232, -10233, -1], -99)
    batch.add(INTEREST, rest & (values != -99), marked, value=values)
    booked, booked_at = positive & batch.chance(0.45), marked + gen.integers(20 * HOUR, 4 * DAY, n)
    batch.add(INTEREST, booked, booked_at, value=2)
    held, held_at = booked & batch.chance(0.8), booked_at + gen.integers(2 * DAY, 9 * DAY, n)
    came = batch.chance(0.82)
    batch.add(INTEREST, held, held_at, value=np.where(came, 3, -4))
    closed, closed_at = held & came & batch.chance(0.6), held_at + gen.integers(4 * DAY, 30 * DAY, n)
    batch.add(INTEREST, closed, closed_at, value=np.where(batch.chance(0.5), 4, -3))


def write_events(plan: Plan, leads: Leads, first_row: int, gen: Generator) -> Events:
    """Write the log of a batch, past and future; also sets `leads.skipped`."""
    batch = _Batch(plan, leads, first_row, gen)
    events = batch.run()
    edited = np.flatnonzero(gen.random(len(leads)) < 0.08)
    if not len(edited):
        return events
    after = np.maximum(leads.created[edited], plan.now0 - 60 * DAY)
    at = after + (gen.exponential(1.0, len(edited)) * 60 * DAY).astype(np.int64)
    columns = (first_row + edited, EDITED, -1, -1, 0, leads.campaign[edited], NOBODY, at, at)
    return Events.join([events, typed([np.broadcast_to(np.asarray(c), (len(edited),)) for c in columns])])


def base_batch(plan: Plan, lists: int) -> tuple[Leads, Events]:
    """The leads at the start: `plan.leads` that exist at `now0`, and about 6 % that were deleted before."""
    gen = rng(plan.seed, plan.workspace, "base")
    gone = int(plan.leads * 0.06)
    n = plan.leads + gone
    if not n:
        return _empty(), no_events()
    living = [c for c in plan.campaigns if c.deleted > plan.now0]
    dead = [c for c in plan.campaigns if c.deleted <= plan.now0]
    campaign = _assign(gen, living, plan.leads)
    tail = _assign(gen, dead + living[:1], gone) if dead else np.full(gone, NOBODY)
    leads = _columns(plan, gen, np.concatenate([campaign, tail]).astype(np.int64), lists, first_contact=0)
    lost = plan.now0 - (gen.random(gone) * (plan.now0 - plan.window) * 0.7).astype(np.int64)
    ends = np.array([c.deleted for c in plan.campaigns] or [NEVER])
    lost = np.where(tail >= 0, np.minimum(lost, ends[tail]), lost)
    lost = np.where((tail >= 0) & (ends[tail] <= plan.now0), ends[tail], lost)
    leads.deleted[plan.leads :] = np.maximum(lost, leads.created[plan.leads :] + HOUR)
    leads.deleted[plan.leads :] = np.minimum(leads.deleted[plan.leads :], plan.now0)
    return leads, write_events(plan, leads, 0, gen)


def day_batch(plan: Plan, day: int, first_row: int, lists: int) -> tuple[Leads, Events]:
    """The leads added between `now0 + day` days and one day later."""
    gen = rng(plan.seed, plan.workspace, "day", day)
    start = plan.now0 + day * DAY
    weekend = (start // DAY + 4) % 7 in (0, 6)
    n = max(1, round(plan.leads * NEW_PER_DAY * (0.2 if weekend else 1.25))) if plan.leads else 0
    open_now = [c for c in plan.campaigns if c.start <= start and c.end > start + DAY and c.deleted > start + DAY]
    if not n:
        return _empty(), no_events()
    campaign = _assign(gen, open_now, n)
    created = start + np.sort(gen.integers(0, DAY, n))
    leads = _columns(plan, gen, campaign, lists, first_contact=first_row, created=created)
    return leads, write_events(plan, leads, first_row, gen)


def _empty() -> Leads:
    types = (
        np.uint64,
        np.uint64,
        np.int64,
        np.int16,
        np.int16,
        np.int16,
        np.int64,
        np.int16,
        *[np.int64] * 3,
        np.int16,
    )
    return Leads(*(np.zeros(0, t) for t in types))


def _assign(gen: Generator, plans: list[CampaignPlan], n: int) -> np.ndarray:
    """Campaign indexes by weight; about one lead in nine belongs to no campaign."""
    if not plans:
        return np.full(n, NOBODY)
    weight = np.array([c.weight for c in plans])
    chosen = np.array([c.index for c in plans])[gen.choice(len(plans), n, p=weight / weight.sum())]
    return np.where(gen.random(n) < 0.11, NOBODY, chosen)


def _columns(
    plan: Plan, gen: Generator, campaign: np.ndarray, lists: int, *, first_contact: int, created: Ints | None = None
) -> Leads:
    n = len(campaign)
    if created is None:
        created = _imports(plan, gen, campaign)
    created = created.astype(np.int64)
    hi, lo = uuid_halves(created, gen)
    in_list = np.where(campaign == NOBODY, gen.random(n) < 0.87, gen.random(n) < 0.3)
    again = gen.random(n) < 0.08  # the same person in a second campaign
    own = first_contact + np.arange(n)
    contact = np.where(again, (gen.random(n) * np.maximum(own, 1)).astype(np.int64), own)
    horizon = np.maximum(created, plan.now0)
    return Leads(
        hi=hi,
        lo=lo,
        created=created,
        campaign=campaign.astype(np.int16),
        lead_list=np.where(in_list & (lists > 0), gen.integers(0, max(lists, 1), n), NOBODY).astype(np.int16),
        account=_sender(plan, gen, campaign),
        contact=contact,
        verification=gen.choice([1, -3, -2, -1, 11, 0], n, p=[0.78, 0.08, 0.04, 0.05, 0.01, 0.04]).astype(np.int16),
        skipped=np.full(n, NEVER),
        deleted=horizon + (gen.exponential(1 / DELETED_PER_DAY, n) * DAY).astype(np.int64),
        moved=horizon + (gen.exponential(1 / MOVED_PER_DAY, n) * DAY).astype(np.int64),
        move_to=_targets(plan, gen, n, lists),
    )


def _imports(plan: Plan, gen: Generator, campaign: np.ndarray) -> Ints:
    """Creation instants: a few bulk imports per campaign, and a share of leads that were in lists long before."""
    n, span = len(campaign), plan.now0 - plan.window
    starts = np.array(
        [min(c.start, c.created) if c.start < NEVER else c.created for c in plan.campaigns] or [plan.window]
    )
    ends = np.array([min(c.end, plan.now0) if c.end < NEVER else plan.now0 for c in plan.campaigns] or [plan.now0])
    begin = np.where(campaign >= 0, starts[campaign], plan.window)
    length = np.maximum(np.where(campaign >= 0, ends[campaign], plan.now0) - begin, HOUR)
    done = np.array([c.end < plan.now0 and c.statuses[-1][1] in (3, 4) for c in plan.campaigns] or [False])
    early = np.where((campaign >= 0) & done[campaign], 0.5, 1.0)  # a finished campaign has reached all its leads
    share = (gen.integers(0, 9, n) / 9.0) ** 0.8 * early
    batch = begin + (share * length * 0.98).astype(np.int64)
    created = batch + gen.integers(0, 40 * MINUTE, n)
    old = gen.random(n) < 0.15
    long_ago = min(V4_UNTIL, plan.now0 - span) - (gen.random(n) * 200 * DAY).astype(np.int64)
    return np.minimum(np.where(old, long_ago, created), plan.now0 - MINUTE)


def _sender(plan: Plan, gen: Generator, campaign: np.ndarray) -> np.ndarray:
    """The account that sends to each lead, NOBODY without a campaign or accounts."""
    width = max((len(c.accounts) for c in plan.campaigns), default=0)
    if not width:
        return np.full(len(campaign), NOBODY, np.int16)
    table = np.array([[c.accounts[k % len(c.accounts)] for k in range(width)] for c in plan.campaigns])
    chosen = table[campaign, gen.integers(0, width, len(campaign))]
    return np.where(campaign >= 0, chosen, NOBODY).astype(np.int16)


def _targets(plan: Plan, gen: Generator, n: int, lists: int) -> np.ndarray:
    """The target of a lead's move: a campaign that is still sending, or a list."""
    open_now = [c.index for c in plan.campaigns if c.end == NEVER and c.deleted == NEVER]
    targets = np.array(open_now + [-2 - i for i in range(lists)] or [NOBODY])
    return np.asarray(targets[gen.integers(0, len(targets), n)].astype(np.int16))

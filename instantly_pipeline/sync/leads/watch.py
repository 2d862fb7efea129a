"""Whether the gate holds, judged by the changes that sweeps find.

Counters do not show what people do by hand: edit a lead, set an interest (section 5.4 of the API's reference). Any
other change that a sweep finds in a campaign whose counters had not moved shows that the gate does not hold for this
workspace: from then on every sync sweeps everything, until the stream is reset.
"""

from __future__ import annotations

from datetime import timedelta

from instantly_pipeline.api.clock import WRONG
from instantly_pipeline.lake.change_log import Values
from instantly_pipeline.lake.index.last_versions import in_micros
from instantly_pipeline.lake.index.sorted_files import IndexEntry
from instantly_pipeline.streams.model import Type
from instantly_pipeline.sync.counters import counters_now
from instantly_pipeline.sync.leads.keyspace import is_timed
from instantly_pipeline.sync.leads.selector import CAMPAIGN, DISTRUST, SWEPT, Gate, counters_in, newest_timed

CLOCKS_DIFFER = timedelta(minutes=10)  # or a server takes a while to show what happened
# When a lead was edited, which nothing that happens to it moves (section 5.2), and when its interest was set. The
# counters tell of an interest once at most: when the lead first becomes an opportunity.
BY_HAND = {"timestamp_updated", "timestamp_last_interest_change"}
LAST_TOUCH = "timestamp_last_touch"  # says again what another time says


class Watch:
    """Looks on while a sweep takes records, for changes that the gate would have missed; the tail was read before."""

    def __init__(self, gate: Gate) -> None:
        known = gate.held()
        self._gate = gate
        self._quiet = {f"{CAMPAIGN}{c}" for c, token in gate.tokens.items() if known.get(c) == token}
        instants = (c.name for c in gate.ctx.streams[gate.stream].columns if c.type is Type.INSTANT)
        self._times = [name for name in instants if name != LAST_TOUCH]
        swept, distrust = gate.ctx.checkpoints.read(SWEPT), gate.ctx.checkpoints.read(DISTRUST)
        self._is_on = bool(swept) and not distrust and not gate.is_small()
        self._unread = gate.unread()
        self._tail = newest_timed(gate.ctx, gate.stream)
        self._suspects: set[str] = set()
        self._missed_at_tail = False
        self._by_hand = 0

    def see(self, key: str, before: IndexEntry | None, scope: str | None, values: Values | None) -> None:
        """A version of `key` was written; `before` is the one before it."""
        if not self._is_on or any((one.low or "") < key and (not one.high or key <= one.high) for one in self._unread):
            return
        quiet = {scope, before.scope if before else None} & self._quiet
        if quiet:
            if before and before.scope == scope and values and self._is_by_hand(before, values):
                self._by_hand += len(quiet)
            else:
                self._suspects |= {where.removeprefix(CAMPAIGN) for where in quiet if where}
        outside = not self._gate.is_by_parent() and (scope is None or not scope.startswith(CAMPAIGN))
        if before is None and outside and not (is_timed(key) and key > (self._tail or "")):
            self._missed_at_tail = True

    def _is_by_hand(self, before: IndexEntry, values: Values) -> bool:
        """Whether all that shows to have happened since the version before is what people do."""
        margin = CLOCKS_DIFFER // timedelta(microseconds=1)  # a lead may be edited between an answer and its landing
        if before.at > in_micros(self._gate.ctx.now() + WRONG):
            return before.alive  # dated by a clock that was wrong: it cannot be told what happened since
        told = {name: in_micros(at) - before.at for name in self._times if (at := values(name)) is not None}
        others = any(since > 0 for name, since in told.items() if name not in BY_HAND)
        return before.alive and not others and any(told.get(name, -margin) > -margin for name in BY_HAND)

    async def judge(self) -> None:
        """Whether what was seen shows that the gate does not hold: the counters, asked again, still have not moved."""
        if self._by_hand:
            done = f"{self._by_hand} leads were edited or judged by hand"
            self._gate.ctx.say(f"{done}, which no counter shows: the sweep found them.", self._gate.stream)
        if self._missed_at_tail:
            self._gate.distrust("A sweep found new leads outside campaigns that do not come at the tail")
        elif self._suspects:
            now = await counters_now(self._gate.ctx, fresh=True)
            hashes = now.hashes if now else {}
            still = {c for c, token in self._gate.tokens.items() if hashes.get(c, "") == counters_in(token)}
            if count := len(self._suspects & still):
                self._gate.distrust(f"A sweep found changed leads in {count} campaigns whose counters had not moved")

"""Reading leads: the gate chooses, a sweep or touches read, and what is missing is judged at the end."""

from __future__ import annotations

from instantly_pipeline.api.paging import is_about_the_page
from instantly_pipeline.errors import BadRequest, Exhausted
from instantly_pipeline.sync.held_deletions import hold, release, was_held
from instantly_pipeline.sync.leads.campaign_scan import FilterIgnored, touch, touch_tail
from instantly_pipeline.sync.leads.deletions import Absences
from instantly_pipeline.sync.leads.parallel_scan import Span
from instantly_pipeline.sync.leads.selector import CAMPAIGN, Choice, Gate
from instantly_pipeline.sync.leads.sweep import confirm, forget_sweep, sweep, sweep_slices
from instantly_pipeline.sync.leads.watch import Watch
from instantly_pipeline.sync.sink import Sink


async def read_leads(sink: Sink) -> None:
    """Read what the gate lets through; everything under `--full`, the first time, and where the gate does not hold."""
    gate = await Gate.of(sink.ctx, sink.stream.name)
    choice = gate.choose(full=sink.ctx.request.full)
    sink.total = choice.pages
    absences = Absences(sink)
    if not choice.sweep:
        try:
            return await _in_part(sink, gate, choice, absences)
        except FilterIgnored as ignored:
            sink.forget_batch()
            sink.on_version = None
            gate.distrust(str(ignored).rstrip("."))
    await _in_whole(sink, gate, absences)
    return None


async def _in_whole(sink: Sink, gate: Gate, absences: Absences) -> None:
    sink.total = gate.pages_of_all()
    watch = Watch(gate)
    sink.on_version = watch.see
    tokens, left = await _everything(sink, gate, absences)
    await _judge(sink, absences)
    sink.on_version = None
    await watch.judge()
    gate.swept(tokens, but=left)
    forget_sweep(sink)
    absences.forget()


async def _everything(sink: Sink, gate: Gate, absences: Absences) -> tuple[dict[str, str], list[Span]]:
    """Read every lead; the gate's tokens as they were before, and what could not be read."""
    if not gate.is_by_parent() or await _lists_all(sink):
        try:
            found = await _swept(sink, gate, absences)
        except BadRequest:
            if await _lists_all(sink):
                raise  # it was something else that the server refused
            sink.forget_batch()
        else:
            if gate.is_by_parent():
                gate.note_by_parent(is_so=False)
            return found
    if not gate.is_by_parent():
        absences.forget()
        gate.note_by_parent(is_so=True)
        sink.ctx.say("The API lists leads by campaign or list only: reading them so.", sink.stream.name)
    return await _by_parent(sink, gate, absences), []


async def _swept(sink: Sink, gate: Gate, absences: Absences) -> tuple[dict[str, str], list[Span]]:
    """A sweep. One that never came to its end, and cannot go on, may do so behind leads that their campaigns show."""
    try:
        return await sweep(sink, gate, absences)
    except Exhausted as error:
        if gate.was_swept() or not is_about_the_page(error):
            raise
        sink.ctx.say("Behind a page that fails no place is known: reading by campaign and list.", sink.stream.name)
        if await touch(sink, gate.untouched(gate.parents()), gate, absences):
            raise
    return await sweep(sink, gate, absences)


async def _by_parent(sink: Sink, gate: Gate, absences: Absences) -> dict[str, str]:
    """Read the leads of every campaign and list; the tokens of those that could be read whole."""
    begun, parents = sink.ctx.now(), gate.parents()
    if refused := await touch(sink, gate.untouched(parents), gate, absences):
        gate.note_by_parent(is_so=False)  # it was something else that the server refused
        raise refused
    await confirm(sink, _without_parent(sink), absences)
    unread = {scope.removeprefix(CAMPAIGN) for scope in gate.untouched(parents)}
    if not unread:
        sink.mark_verified((None, None))
    await sink.flush(at=begun)
    return {campaign: token for campaign, token in gate.tokens.items() if campaign not in unread}


async def _lists_all(sink: Sink) -> bool:
    """Whether the API lists leads without their campaign or list by now."""
    try:
        await sink.client.page(sink.stream.method, sink.stream.path, body={}, size=1)
    except BadRequest:
        return False
    return True


def _without_parent(sink: Sink) -> list[str]:
    """The known leads that are in no campaign and no list."""
    index = sink.ctx.log(sink.stream.name).index
    if not index.alive_by_scope().get(None):
        return []
    return sorted(key for key, entry in index.alive().items() if entry.scope is None)


async def _in_part(sink: Sink, gate: Gate, choice: Choice, absences: Absences) -> None:
    if choice.why:
        sink.ctx.say(f"{choice.why}.", sink.stream.name)
    if not gate.has_touched():
        absences.forget()
    if gate.has_tail():
        await touch_tail(sink)
    await touch(sink, choice.touch, gate, absences)
    await sink.flush()
    watch = Watch(gate)
    sink.on_version = watch.see
    if choice.slices:
        await sweep_slices(sink, choice.slices, gate, absences)
    await confirm(sink, sorted(was_held(sink)), absences)
    if absences.cannot_be_asked():
        raise FilterIgnored(f"{sink.stream.path} does not say by id which leads there are.")
    await _judge(sink, absences)
    sink.on_version = None
    gate.settled()
    await watch.judge()
    absences.forget()


async def _judge(sink: Sink, absences: Absences) -> None:
    """Tombstones for what is gone; what looks suspicious is held."""
    held = await absences.judge()
    if held:
        await hold(sink, held, "the API, asked by id and by its counters, does not bear them out")
    else:
        await release(sink)

"""Reading leads: the gate chooses, a sweep or touches read, and what is missing is judged at the end."""

from __future__ import annotations

from instantly_pipeline.sync.held import hold, release, was_held
from instantly_pipeline.sync.leads.absences import Absences
from instantly_pipeline.sync.leads.gate import PER_PAGE, Choice, Gate
from instantly_pipeline.sync.leads.sweep import confirm, forget_sweep, sweep, sweep_slices
from instantly_pipeline.sync.leads.touch import FilterIgnored, touch, touch_tail
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
    sink.total = gate.leads() // PER_PAGE + 1
    watch = Watch(gate)
    sink.on_version = watch.see
    tokens = await sweep(sink, gate, absences)
    await _judge(sink, absences)
    sink.on_version = None
    await watch.judge()
    gate.swept(tokens)
    forget_sweep(sink)
    absences.forget()


async def _in_part(sink: Sink, gate: Gate, choice: Choice, absences: Absences) -> None:
    if choice.why:
        sink.ctx.say(f"{choice.why}.", sink.stream.name)
    if not gate.has_touched():
        absences.forget()
    await touch_tail(sink)
    await touch(sink, choice.touch, gate, absences)
    await sink.land()
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

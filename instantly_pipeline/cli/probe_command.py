"""`doctor --probe`: asks one workspace how the API behaves, prints the answers and writes them to a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from instantly_pipeline.cli.summary import shown
from instantly_pipeline.cli.text import table, write_json
from instantly_pipeline.doctor.probe.question import Answer, State
from instantly_pipeline.doctor.probe.report import FILE_NAME, as_document, changes_since, exit_code, write_document
from instantly_pipeline.doctor.probe.run import MOST, USUAL, chosen_key, probe
from instantly_pipeline.settings import load
from instantly_pipeline.visible import visible

_EVERY = 5.0  # seconds between two lines of progress


def probe_command(*, workspace: str | None, out: Path | None, as_json: bool) -> int:
    """Run the command; returns its exit code. UsageError for a wrong setting or workspace.

    It takes no lock: the file is replaced as a whole, and nothing else in the data directory is touched.
    """
    settings = load()
    name, key = chosen_key(settings, workspace)
    to = settings.data_dir / FILE_NAME if out is None else Path.cwd() / out
    click.echo(visible(f"Asking the workspace {name!r}: about {USUAL} read requests, at most {MOST}."), err=True)
    found = asyncio.run(probe(settings, name, key, on_request=_progress()))
    document = as_document(found, base_url=settings.base_url)
    earlier = changes_since(to, found.answers)
    is_kept = not found.answered and to.exists()  # syncs may use what it says
    if not is_kept:
        write_document(to, document, is_named=out is not None)
    if as_json:
        write_json(document)
    else:
        for line in [*_table(found.answers), "", *_summary(found.requests, found.answers, earlier)]:
            click.echo(visible(line))
        click.echo(visible(_where(to, is_kept=is_kept)))
    return exit_code(found)


def _progress() -> Callable[[int], None]:
    """Show a line every few seconds."""
    last = time.monotonic()

    def on_request(sent: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            click.echo(f"... request {sent} of about {USUAL}", err=True)

    return on_request


def _table(answers: Sequence[Answer]) -> Iterator[str]:
    """Two lines per question: its answer and how it was found, then the question in words and what it is used for."""
    columns = table(["question", "answer"], [[one.question, one.answer or f"({one.state})"] for one in answers])
    head, rule, *rows = columns.splitlines()
    width = max(map(len, (head, rule, *rows)))
    yield f"{head:<{width}}  how it was found, or why not"
    yield "    in words -> what the pipeline does with it"
    yield f"{rule:<{width}}  ----------------------------"
    for row, one in zip(rows, answers, strict=True):
        yield f"{row:<{width}}  {one.how}"
        yield f"    {one.asks} -> {one.use}"


def _summary(requests: int, answers: Sequence[Answer], earlier: tuple[str, list[str]] | None) -> Iterator[str]:
    count = {state: sum(one.state is state for one in answers) for state in State}
    yield (
        f"{requests} requests, {len(answers)} questions: {count[State.ANSWERED]} answered, "
        f"{count[State.NOT_HERE]} not answerable here, {count[State.FAILED]} whose requests failed."
    )
    if earlier is not None:
        on, changed = earlier
        yield f"Since the probe of {on}: " + ("; ".join(changed) if changed else "no answer has changed") + "."


def _where(to: Path, *, is_kept: bool) -> str:
    if is_kept:
        return f"No request was answered, so {shown(to)} is still that of the probe before."
    return (
        f"Written to {shown(to)} for you and for bug reports, without keys, ids, names and addresses. A sync reads "
        f"`for_sync` of it if you set INSTANTLY_PROBE_FILE={shown(to)}."
    )

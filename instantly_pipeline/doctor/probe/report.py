"""The file of a probe: what was found, fit to be posted in public, and the facts that a sync can take from it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from instantly_pipeline import __version__
from instantly_pipeline.doctor.probe.question import Answer, State
from instantly_pipeline.doctor.probe.run import Probed
from instantly_pipeline.lake.durable import storing, write_durably
from instantly_pipeline.sync.api_facts import FORMAT, ApiFacts, api_name
from instantly_pipeline.sync.limits import Dates

FILE_NAME = "probe.json"


def as_document(probed: Probed, *, base_url: str) -> dict[str, Any]:
    """The content of the file; the address of another API than Instantly's own is not in it."""
    return {
        "format": FORMAT,
        "probed_at": probed.at.isoformat(timespec="seconds"),
        "instantly_pipeline": __version__,
        "api": api_name(base_url),
        "requests": probed.requests,
        "for_sync": facts_in(probed.answers).as_json(),
        "answers": [asdict(one) for one in probed.answers],
    }


def write_document(to: Path, document: dict[str, Any], *, is_named: bool) -> None:
    """Replace the file; `is_named`: by the user, whose umask it then has, else it is private. StorageError."""
    content = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if not is_named:
        write_durably(to, content)
        return
    with storing(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content)


def facts_in(answers: Iterable[Answer]) -> ApiFacts:
    """What a sync takes from the answers."""
    found = {one.question: one.answer for one in answers if one.state is State.ANSWERED and one.answer is not None}
    days = found.get("daily_days", "")
    forms = {"accepted": Dates.INSTANTS, "refused": Dates.PLAIN}
    ends = {"included": True, "not included": False}
    return ApiFacts(
        daily_days=int(days) if days.isdigit() else None,
        step_dates=forms.get(found.get("full_timestamps", "")),
        step_end_included=ends.get(found.get("end_date_steps", "")),
    )


def changes_since(path: Path, answers: Iterable[Answer]) -> tuple[str, list[str]] | None:
    """When the earlier probe in a file was made, and which answers differ from it; None if there is no such file."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        earlier = orjson.loads(path.read_bytes())
        before = {one["question"]: one["answer"] for one in earlier["answers"]}
        changed = [
            f"{one.question}: {before[one.question]} -> {one.answer}"
            for one in answers
            if one.answer is not None and before.get(one.question) not in (None, one.answer)
        ]
        return str(earlier["probed_at"])[:10], changed
    return None


def exit_code(probed: Probed) -> int:
    """0 if every request was answered, 3 if some failed, 2 if none was answered."""
    if not probed.answered:
        return 2
    return 3 if any(one.state is State.FAILED for one in probed.answers) else 0

"""What the API refuses while it answers others like it: left out, noted in `meta.notices`, asked for again later."""

from __future__ import annotations

from instantly_pipeline.sync.limits import REMEMBERED
from instantly_pipeline.sync.sink import Sink

AGAIN = f"; asked for again after {REMEMBERED.days} days, or by sync --full"


def note_refusal(sink: Sink, what: str) -> None:
    """Note what was refused, by its name, which no error and no line on the screen shows."""
    sink.ctx.note(f"The API refuses {what} and answers others like it.", sink.stream.name)


def end_partial(sink: Sink, what: str, again: str = AGAIN) -> None:
    """The stream ends as partial: `what` was refused; `again` says when it is asked for again, where that is not
    at once."""
    sink.result.end_partial(f"the API refuses {what} and answers the others (see meta.notices{again})")

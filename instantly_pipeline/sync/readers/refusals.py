"""Items that the API refuses while it answers others like them: skipped, logged in `meta.notices`, retried later."""

from __future__ import annotations

from instantly_pipeline.sync.limits import REMEMBERED
from instantly_pipeline.sync.sink import Sink

AGAIN = f"; retried after {REMEMBERED.days} days, or by sync --full"


def note_refusal(sink: Sink, what: str) -> None:
    """Log what was refused by its name, which no error message and no output contains."""
    sink.ctx.note(f"The API refuses {what} but answers others.", sink.stream.name)


def end_partial(sink: Sink, what: str, again: str = AGAIN) -> None:
    """End the stream as partial because `what` was refused; `again` says when it is retried, if not at once."""
    sink.result.end_partial(f"the API refuses {what} but answers the others (see meta.notices{again})")

"""What the modules that read leads share in one run."""

from __future__ import annotations

from dataclasses import dataclass

from instantly_pipeline.sync.leads.deletions import Deletions
from instantly_pipeline.sync.leads.lead_state import LeadState
from instantly_pipeline.sync.leads.selector import LeadSelector
from instantly_pipeline.sync.sink import Sink


@dataclass(frozen=True, slots=True)
class LeadsRun:
    """The leads of one workspace in one run."""

    sink: Sink
    state: LeadState
    selector: LeadSelector
    deletions: Deletions

    def say(self, text: str) -> None:
        """Show one line to the user."""
        self.sink.ctx.say(text, self.sink.stream.name)

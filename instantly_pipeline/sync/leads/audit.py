"""What the audit log says about leads that were deleted, moved or merged since leads were last read.

It says where, not which leads (reference, section 16). Only entries that are in the lake are looked at: those of the
stream `audit_logs`, if it is synced.
"""

from __future__ import annotations

from dataclasses import dataclass

from instantly_pipeline.errors import UnreadableFile
from instantly_pipeline.lake.read_versions import read_since
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.leads.lead_state import LeadState
from instantly_pipeline.sync.leads.scope import Kind, Scope

AUDIT_LOGS = "audit_logs"
ABOUT_LEADS = (2, 3, 8, 10)  # leads deleted, campaign deleted, leads moved, leads merged
_COLUMNS = ("activity_type", "campaign_id", "list_id", "affected_count")


@dataclass(frozen=True, slots=True)
class Audit:
    """Campaigns and lists that entries name, and how many leads others are about; `read_to` is the newest entry, None
    without an audit log."""

    scopes: frozenset[Scope] = frozenset()
    unplaced: int = 0
    read_to: int | None = None


def read_audit(ctx: Context, state: LeadState) -> Audit:
    """The entries since leads were last read; none if they were never read with an audit log, or it is damaged."""
    try:
        return _read(ctx, state)
    except UnreadableFile as error:
        ctx.say(f"Leads are read without the audit log: {error}", AUDIT_LOGS)
        return Audit(unplaced=state.unplaced(), read_to=state.audit_read_to())


def _read(ctx: Context, state: LeadState) -> Audit:
    before = state.audit_read_to()
    scopes, unplaced, newest = set[Scope](), state.unplaced(), before
    for at, row in read_since(ctx.layout, AUDIT_LOGS, ctx.workspace_id, before or 0, _COLUMNS):
        newest = max(at, newest or 0)
        if before is None or row.get("activity_type") not in ABOUT_LEADS:
            continue
        if row.get("campaign_id"):
            scopes.add(Scope.campaign(row["campaign_id"]))
        elif row.get("list_id"):
            scopes.add(Scope(Kind.LIST, row["list_id"]))
        else:
            unplaced += row.get("affected_count") or 1
    if newest is None and ctx.checkpoints.read(AUDIT_LOGS):
        newest = 0  # it was read and is empty: whatever comes is new
    return Audit(frozenset(scopes), unplaced, newest)

"""The campaign or list of a lead; None for a lead in neither."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from instantly_pipeline.lake.index.keys import KeySet
from instantly_pipeline.lake.index.last_versions import Index
from instantly_pipeline.lake.records.canonical import Record


class Kind(StrEnum):
    """The kind of scope; its value is the lead's column and the filter in a request."""

    CAMPAIGN = "campaign"
    LIST = "list_id"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One campaign or one list."""

    kind: Kind
    id: str

    @classmethod
    def campaign(cls, identity: str) -> Scope:
        """The scope of a campaign."""
        return cls(Kind.CAMPAIGN, identity)

    @classmethod
    def indexed(cls, text: str | None) -> Scope | None:
        """From the text in the index, `campaign=<id>` or `list_id=<id>`; None for a lead in neither."""
        kind, _, identity = (text or "").partition("=")
        return cls(Kind(kind), identity) if kind in set(Kind) else None

    @property
    def in_index(self) -> str:
        """The text in the index."""
        return f"{self.kind}={self.id}"

    @property
    def campaign_id(self) -> str | None:
        """The campaign's id; None for a list."""
        return self.id if self.kind is Kind.CAMPAIGN else None

    def has(self, lead: Record) -> bool:
        """Whether a lead as the API returns it is in this scope."""
        return bool(lead.get(self.kind, lead.get(f"{self.kind}_id")) == self.id)


def count_by_scope(index: Index) -> dict[Scope | None, int]:
    """The number of live leads per scope; None for those in neither a campaign nor a list."""
    return {Scope.indexed(text): count for text, count in index.alive_by_scope().items()}


def leads_in(index: Index, scopes: Iterable[Scope], seen: KeySet) -> list[tuple[str, Scope]]:
    """The keys of the live leads in some scopes that are not in `seen`, each with its scope."""
    named = {scope.in_index: scope for scope in scopes}
    return [(key, named[text]) for key, text in index.unseen(seen, scopes=named) if text is not None]

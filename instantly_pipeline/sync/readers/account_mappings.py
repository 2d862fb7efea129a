"""The campaigns of each account: `GET /account-campaign-mappings/{email}`, one request per account.

Campaigns name most of their accounts themselves (`email_list`), so an account is asked for when that changes, and
otherwise once a week, for accounts that campaigns use through tags.

A mapping is deleted if its account is, or if two answers lack it in which every entry is a mapping. An account without
any of the mappings it had may be an answer that is cut off: that is believed if the campaigns do not name the account
either, or if it is a few accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import orjson

from instantly_pipeline.streams.model import Stream
from instantly_pipeline.sync.context import Context
from instantly_pipeline.sync.held_deletions import accepted_keys, held_keys, hold, release
from instantly_pipeline.sync.readers.asked_parents import AskedParents
from instantly_pipeline.sync.readers.per_parent import Found, PerParentReader, find, read_due, verified
from instantly_pipeline.sync.readers.scan import FEW
from instantly_pipeline.sync.sink import Sink, below


class AccountMappingsReader(PerParentReader):
    """One request for each account that is due."""

    async def read(self, sink: Sink) -> None:
        """Ask for every account that is due, and delete mappings that are gone."""
        mappings = _Mappings(sink)
        await read_due(sink, self.asked(sink.ctx, sink.stream), mappings.ask, mappings.take)
        await mappings.resolve()

    def asked(self, ctx: Context, stream: Stream) -> AskedParents:
        """The accounts, and what was asked for; those with held deletions are asked for again."""
        held = {orjson.loads(key)[0] for key in held_keys(ctx, stream.name)}
        campaigns, accounts = _campaigns_of(ctx), ctx.addresses()
        marks = {spelled: " ".join(sorted(campaigns.get(email, ()))) for email, spelled in accounts.items()}
        return AskedParents(ctx, stream, marks=marks, again=[accounts[email] for email in held & accounts.keys()])


class _Mappings:
    """The mappings of one run."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._index = sink.ctx.log(sink.stream.name).index
        self._campaigns = _campaigns_of(sink.ctx)
        self._by_tag = _using_tags(sink.ctx)
        self._unexplained: dict[str, set[str]] = {}  # by account

    async def ask(self, email: str) -> Found:
        """The campaigns of one account, of two answers if the first lacks one that is known."""
        found = await find(self._sink, email, {})
        if not self._missing(email, found):
            return found
        again = await find(self._sink, email, {})
        records = [*(found.records or []), *(again.records or [])]
        return replace(found, records=records, is_whole=found.is_whole and again.is_whole)

    def take(self, email: str, found: Found) -> None:
        """Take the campaigns of one account, and delete the mappings that are gone."""
        missing = self._missing(email, found) if found.is_whole else set()
        unexplained = set() if found.records else {key for key in missing if self._is_named(key)}
        self._sink.put(found.records or [], *([] if unexplained else verified(self._sink, email, found)))
        self._sink.delete(missing - unexplained)
        if unexplained:
            self._unexplained[email] = unexplained

    async def resolve(self) -> None:
        """Delete the mappings of deleted accounts; those that nothing explains if they are few, else hold them."""
        sink, accounts = self._sink, self._sink.ctx.addresses()
        sink.delete([key for key in self._index.alive() if orjson.loads(key)[0] not in accounts])
        held = set().union(*self._unexplained.values()) - accepted_keys(sink)
        if len(self._unexplained) <= FEW:
            held = set()
        sink.delete(set().union(*self._unexplained.values()) - held)
        await sink.flush()
        if held:
            await hold(sink, held, "the API returns no campaign of these accounts, but campaigns still name them")
        else:
            await release(sink)

    def _missing(self, email: str, found: Found) -> set[str]:
        """The known mappings of an account that were not found."""
        if found.records is None:
            return set()
        log = self._sink.ctx.log(self._sink.stream.name)
        return self._index.alive(*below(email.lower())).keys() - set(log.keys(found.records))

    def _is_named(self, key: str) -> bool:
        """Whether the campaign of a mapping names the account, or may use it through a tag."""
        email, campaign = orjson.loads(key)
        return campaign in self._by_tag or campaign in self._campaigns.get(email, ())


def _campaigns_of(ctx: Context) -> Mapping[str, set[str]]:
    """By address in lower case: the campaigns that name it."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, row in ctx.rows("campaigns", ["email_list"]).items():
        for email in _list_in(row.get("email_list")):
            found[str(email).lower()].add(orjson.loads(key)[0])
    return found


def _using_tags(ctx: Context) -> set[str]:
    """The campaigns that use the accounts of some tags."""
    rows = ctx.rows("campaigns", ["email_tag_list"]).items()
    return {orjson.loads(key)[0] for key, row in rows if _list_in(row.get("email_tag_list"))}


def _list_in(text: str | None) -> list[object]:
    """The list in a JSON column; empty where the API sent something else."""
    found = orjson.loads(text) if text else None
    return found if isinstance(found, list) else []

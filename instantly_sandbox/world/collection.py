"""Small collections (campaigns, accounts, lists, tags, ...): generated records overlaid with explicit changes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from instantly_sandbox.world.seeded import NEVER, iso

Record = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One record over time: it exists in [created, deleted), with the content `build(now)`."""

    key: str
    created: int
    build: Callable[[int], Record]
    deleted: int = NEVER


@dataclass
class Overlay:
    """Changes through `/_sandbox/mutate`: fields set and unset, records deleted, restored and inserted."""

    patches: dict[str, Record] = field(default_factory=dict)
    unset: dict[str, set[str]] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    inserted: dict[str, Record] = field(default_factory=dict)

    def patch(self, key: str, values: Record, unset: list[str], *, touch: bool, now: int) -> None:
        patch = self.patches.setdefault(key, {})
        patch.update(values)
        if touch:
            patch["timestamp_updated"] = iso(now)
        gone = self.unset.setdefault(key, set())
        gone.difference_update(values)
        gone.update(unset)

    def applied(self, key: str, record: Record) -> Record:
        if key not in self.patches and key not in self.unset:
            return record
        merged = {**record, **self.patches.get(key, {})}
        return {k: v for k, v in merged.items() if k not in self.unset.get(key, ())}


class Collection:
    """Records by key, in a stable order of creation. When `generation` changes, callers drop what they cached."""

    def __init__(self, name: str, items: list[Item], key_field: str = "id") -> None:
        self.name, self.key_field = name, key_field
        self._items = {item.key: item for item in items}
        self.overlay = Overlay()
        self.generation = 0
        self._cache: tuple[int, int, dict[str, Record]] = (-1, -1, {})

    def records(self, now: int) -> dict[str, Record]:
        """key -> record, as the API would show it at `now`."""
        if self._cache[:2] != (now, self.generation):
            self._cache = (now, self.generation, self._made(now))
        return self._cache[2]

    def _made(self, now: int) -> dict[str, Record]:
        out = {}
        for key, item in self._items.items():
            if item.created <= now and self.alive(key, now):
                out[key] = self.overlay.applied(key, item.build(now))
        for key, record in self.overlay.inserted.items():
            if key not in self.overlay.deleted:
                out[key] = self.overlay.applied(key, record)
        return out

    def alive(self, key: str, now: int) -> bool:
        if key in self.overlay.deleted:
            return False
        item = self._items.get(key)
        return item is None or item.deleted > now or key in self.overlay.inserted

    def gone(self, now: int) -> list[str]:
        """Keys of deleted records."""
        known = [*self._items.values()]
        return [i.key for i in known if i.created <= now and not self.alive(i.key, now)]

    def update(self, key: str, values: Record, unset: list[str], *, touch: bool, now: int) -> int:
        if key not in self.records(now):
            return 0
        self.overlay.patch(key, values, unset, touch=touch, now=now)
        self.generation += 1
        return 1

    def insert(self, record: Record) -> int:
        key = str(record[self.key_field])
        self.overlay.deleted.pop(key, None)
        self.overlay.inserted[key] = record
        self.generation += 1
        return 1

    def delete(self, key: str, now: int) -> int:
        if key not in self.records(now):
            return 0
        self.overlay.deleted[key] = now
        self.generation += 1
        return 1

    def restore(self, key: str) -> int:
        if self.overlay.deleted.pop(key, None) is None:
            return 0
        self.generation += 1
        return 1

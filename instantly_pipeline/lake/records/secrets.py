"""Which fields are secrets by their name, and records without them.

The API may add a field that the reference does not list, so a name is judged by its words. What describes a secret
(`password_hint`, `tokens_used`) is not one itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_SECRET = re.compile(
    r"(?:_|\b)(?:[a-z0-9]*(?:password|passwd|passphrase|secret|token)s?|pwd|pass$|auth|authorization|credentials?"
    r"|[a-z]*(?:api|private|access)_?keys?)\d*(?:_|\b)|^(?:imap|smtp)_"
)
_ABOUT = re.compile(r"_(?:hint|used|count|limit|type|status|at)$")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether a field of this name holds a secret: `apiKey`, `smtp_host`, `Authorization`, not `secretary`."""
    words = _BOUNDARY.sub("_", name).strip("_").lower()
    return bool(_SECRET.search(words)) and not (_ABOUT.search(words) and not words.startswith(("imap_", "smtp_")))


def without_secrets(value: Any, dropped: list[str], declared: Collection[str] = ()) -> Any:
    """The value without secret fields at any depth; their names are added to `dropped`. `declared`: others' names."""
    if isinstance(value, list):
        return [without_secrets(v, dropped, declared) if isinstance(v, (dict, list)) else v for v in value]
    if not isinstance(value, dict):
        return value
    secret = {name for name in value if name in declared or is_secret(name)}
    dropped += secret
    return {
        name: without_secrets(v, dropped, declared) if isinstance(v, (dict, list)) else v
        for name, v in value.items()
        if name not in secret
    }


def cut(value: Any, levels: int) -> Any:
    """The value down to so many levels; what lies deeper becomes `...`."""
    if not isinstance(value, (dict, list)):
        return value
    if levels == 0:
        return "..."
    if isinstance(value, list):
        return [cut(v, levels - 1) for v in value]
    return {name: cut(v, levels - 1) for name, v in value.items()}

"""JSON that is nested more deeply than any decoder reads: one such record must not cost the others of its page."""

from __future__ import annotations

import re

LEVELS = 400  # kept; orjson reads 1,024, the standard library's decoder some 900, and the lake stores 250
# A text, or levels that begin or end. `+` alone would note each step so as to go back: 100 bytes for one of a text.
_TOKEN = re.compile(rb'(?s)"(?:[^"\\]++|\\.?)*+"?+|[\[{]++|[\]}]++')


def without_depths(body: bytes) -> bytes:
    """The body with `"..."` in place of what lies more than LEVELS deep; itself where nothing does."""
    level, begun, upto, kept = 0, 0, 0, list[bytes]()
    for token in _TOKEN.finditer(body):
        before, many = level, token.end() - token.start()
        match body[token.start()]:
            case 0x5B | 0x7B:  # [ {
                level += many
                if before <= LEVELS < level:
                    begun = token.start() + LEVELS - before
            case 0x5D | 0x7D:  # ] }
                level -= many
                if level <= LEVELS < before:
                    kept += [body[upto:begun], b'"..."']
                    upto = token.start() + before - LEVELS
    return b"".join([*kept, body[upto:]]) if kept else body

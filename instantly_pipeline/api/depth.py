"""Shortens JSON that is nested too deeply for any decoder, so that one such record does not fail its whole page."""

from __future__ import annotations

import re

LEVELS = 400  # orjson reads 1,024, the standard library's decoder about 900, and the lake stores 250
# A string, or a run of brackets. Possessive quantifiers: backtracking would take 100 bytes of memory per character.
_TOKEN = re.compile(rb'(?s)"(?:[^"\\]++|\\.?)*+"?+|[\[{]++|[\]}]++')


def truncate_nesting(body: bytes) -> bytes:
    """Replace values nested deeper than LEVELS with `"..."`; returns the same object if there are none."""
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

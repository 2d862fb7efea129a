"""JSON that is nested more deeply than any decoder reads: one such record must not cost the others of its page."""

from __future__ import annotations

import re

LEVELS = 400  # kept; orjson reads 1,024, the standard library's decoder some 900, and the lake stores 250
_TOKEN = re.compile(rb'(?s)"(?:[^"\\]|\\.?)*(?:"|\Z)|[\[{]|[\]}]')  # a text, or a level that begins or ends


def without_depths(body: bytes) -> bytes:
    """The body with `"..."` in place of what lies more than LEVELS deep; itself where nothing does."""
    level, begun, upto, kept = 0, 0, 0, list[bytes]()
    for token in _TOKEN.finditer(body):
        match token[0]:
            case b"[" | b"{":
                level += 1
                if level == LEVELS + 1:
                    begun = token.start()
            case b"]" | b"}":
                if level == LEVELS + 1:
                    kept += [body[upto:begun], b'"..."']
                    upto = token.end()
                level -= 1
    return b"".join([*kept, body[upto:]]) if kept else body

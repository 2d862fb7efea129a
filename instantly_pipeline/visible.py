"""Text from outside as it may be shown: on a terminal, a page or in Dagster's UI. A name may hold any character.

Some characters are not seen but steer: they move the cursor, colour, name windows, turn the direction of what stands
around them, or make two names look alike. They are taken out here, and nowhere is another list of them.
"""

from __future__ import annotations

import json
import re

# Unicode's Cc, Zl, Zp, Cs, Bidi_Control and Default_Ignorable_Code_Point (PropList and DerivedCoreProperties 16.0),
# without what words and emoji are written with: the joiners U+200C and U+200D, variation selectors, and Mongolian's.
# Tab, line feed and carriage return are left to who knows whether there may be lines.
STEERING = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_IN_A_LINE = re.compile(f"[{STEERING}\t\n\r]")
_IN_LINES = re.compile(f"[{STEERING}\r]")
_IN_JSON = re.compile(f"[{STEERING}]")


def visible(text: str, instead: str = "\ufffd") -> str:
    """The text on one line; each character that steers is replaced."""
    return _IN_A_LINE.sub(instead, text)


def visible_lines(text: str) -> str:
    """Text of several lines, tabs and line feeds kept; each other character that steers is replaced."""
    return _IN_LINES.sub("\ufffd", text)


def visible_json(text: str) -> str:
    """JSON text with the same meaning: what steers is written as an escape, since only its strings can hold it."""
    return _IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], text)

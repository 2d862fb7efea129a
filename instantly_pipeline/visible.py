"""Text from outside, made safe to show on a terminal, a page or in Dagster's UI. A name may hold any character.

Some characters are invisible and act: they move the cursor, set colours or a window's title, reverse the direction of
the text around them, or make two names look alike. They are replaced here; nowhere else is a list of them.
"""

from __future__ import annotations

import json
import re

# Unicode's Cc, Zl, Zp, Cs, Bidi_Control and Default_Ignorable_Code_Point (PropList and DerivedCoreProperties 16.0),
# without those that words and emoji need: the joiners U+200C and U+200D, variation selectors, and Mongolian's.
# Tab, line feed and carriage return are not among them: it depends on the place whether lines are allowed.
CONTROLS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_IN_A_LINE = re.compile(f"[{CONTROLS}\t\n\r]")
_IN_LINES = re.compile(f"[{CONTROLS}\r]")
_IN_JSON = re.compile(f"[{CONTROLS}]")


def visible(text: str, instead: str = "\ufffd") -> str:
    """The text on one line; each control character is replaced."""
    return _IN_A_LINE.sub(instead, text)


def visible_lines(text: str) -> str:
    """Text of several lines, tabs and line feeds kept; each other control character is replaced."""
    return _IN_LINES.sub("\ufffd", text)


def visible_json(text: str) -> str:
    """JSON text with the same meaning: control characters, which only its strings can hold, are written as escapes."""
    return _IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], text)

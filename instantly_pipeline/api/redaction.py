"""Taking secrets and personal data out of text before anyone sees it.

Every message and every log record of this room goes through `redact`. It knows the keys in use (`protect`) and, beyond
them, the look of keys, bearer tokens, e-mail addresses and query strings. It prefers to take out too much.
"""

from __future__ import annotations

import html
import logging
import re
import unicodedata
from urllib.parse import quote, unquote

from instantly_pipeline.visible import CONTROLS

_KNOWN: set[str] = set()
_SHORTEST_SECRET = 4  # anything shorter would take letters out of ordinary words
_LONGEST_INPUT = 4000  # keeps the patterns fast on a whole HTML page

_BEARER = re.compile(r"(?i)\bbearer(\s+|%20)[^\s\"',;]+")
_LABELLED = re.compile(
    r"(?i)\b((?:authorization|api[_-]?key|key|token|secret|password|pwd)[\"']?\s*[:=]\s*[\"']?)([^\s\"'&,;}]+)"
)
_USERINFO = re.compile(r"://[^/\s@]+@")
_QUERY = re.compile(r"\?[^\s\"'<>]+")
_QUOTED_EMAIL = re.compile(r"\"[^\"\n]{1,200}\"@\[?[^\s<>\"'(),;:/?&=@\[\]\\]+")
_EMAIL = re.compile(r"[^\s<>\"'(),;:/?&=@\[\]\\]+(?:@|%40)\[?[^\s<>\"'(),;:/?&=@\[\]\\]+", re.IGNORECASE)
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONG_WORD = re.compile(r"[A-Za-z0-9_+/=-]{24,}")
_LONG_HEX = re.compile(r"[0-9a-fA-F]{32,}")

_UNSEEN = re.compile(f"\x1b\\[[0-9;?]*[A-Za-z]|[{CONTROLS}\u200c\u200d]")  # a terminal's colours, then what is not seen

_LOGGERS = (
    "httpx", "aiohttp.client", "aiohttp.internal",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)  # fmt: skip


def protect(secret: str) -> None:
    """Make `redact` take out this very text from now on, percent-encoded or not."""
    if len(secret) >= _SHORTEST_SECRET:
        _KNOWN.update(form for form in (secret, quote(secret, safe=""), _plain(secret)) if form)


def redact(text: str) -> str:
    """The text without keys, bearer tokens, e-mail addresses and query strings; ids (UUID) stay.

    What is encoded (HTML, percent, full-width letters) is decoded, and looked through before and after: decoding may
    bring a secret to light, or break one that was whole.
    """
    return _taken_out(_plain(_taken_out(text)))


def _plain(text: str) -> str:
    for _ in range(2):
        text = unquote(html.unescape(text))
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def _taken_out(text: str) -> str:
    text = _QUERY.sub("?[query]", text)  # first: what the others put in place would end a query early
    for secret in sorted(_KNOWN, key=len, reverse=True):
        text = text.replace(secret, "[key]")
    text = _BEARER.sub("Bearer [key]", text)
    text = _USERINFO.sub("://[user]@", text)
    text = _EMAIL.sub("[e-mail]", _QUOTED_EMAIL.sub("[e-mail]", text))
    text = _LABELLED.sub(r"\1[key]", text)
    return _LONG_WORD.sub(lambda found: "[key]" if _is_key_like(found[0]) else found[0], text)


def excerpt(text: str, limit: int = 200) -> str:
    """The redacted beginning of a text, on one line, at most `limit` characters."""
    line = " ".join(redact(whole_words(text, _LONGEST_INPUT)).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def whole_words(text: str, limit: int) -> str:
    """The beginning of a text, cut between words: half an address or key would go unnoticed."""
    if len(text) <= limit:
        return text
    words = text[:limit].rsplit(None, 1)
    return words[0] if len(words) == 2 else ""


def _is_key_like(word: str) -> bool:
    rest = _UUID.sub("", word)
    if _LONG_HEX.search(rest):
        return True
    kinds = [any(test(c) for c in rest) for test in (str.isupper, str.islower, str.isdigit)]
    return len(rest) >= 24 and (all(kinds) or (len(rest) >= 40 and sum(kinds) == 2 and kinds[0]))


class RedactingFilter(logging.Filter):
    """Rewrites a log record in place: its message and its traceback, if it carries one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record and let it pass."""
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


_FILTER = RedactingFilter()


def guard_logs(*names: str) -> None:
    """Redact what the HTTP libraries log (httpx logs whole addresses with their query), and the named loggers."""
    for name in (*_LOGGERS, *names):
        logging.getLogger(name).addFilter(_FILTER)  # adding it twice has no effect

"""Redacts secrets and personal data in messages and logs.

Every message and log record of this package goes through `redact`. It replaces the keys in use (`register_secret`) and
anything that looks like a key, bearer token, e-mail address or query string. When in doubt, it redacts.
"""

from __future__ import annotations

import html
import logging
import re
import unicodedata
from urllib.parse import quote, unquote

from instantly_pipeline.visible import CONTROLS

_KNOWN: set[str] = set()
_MIN_SECRET = 4  # characters; shorter ones would match inside ordinary words
_MAX_INPUT = 4000  # characters; keeps the patterns fast on a whole HTML page

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

# terminal colours, then invisible characters
_INVISIBLE = re.compile(f"\x1b\\[[0-9;?]*[A-Za-z]|[{CONTROLS}\u200c\u200d]")

_LOGGERS = (
    "httpx", "aiohttp.client", "aiohttp.internal",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)  # fmt: skip


def register_secret(secret: str) -> None:
    """Make `redact` replace this text from now on, percent-encoded or not."""
    if len(secret) >= _MIN_SECRET:
        _KNOWN.update(form for form in (secret, quote(secret, safe=""), _decode(secret)) if form)


def redact(text: str) -> str:
    """Replace keys, bearer tokens, e-mail addresses and query strings; ids (UUIDs) stay.

    Encoded text (HTML entities, percent-encoding, full-width letters) is decoded and searched both before and after:
    decoding may reveal a secret, or break up one that was complete.
    """
    return _replace_secrets(_decode(_replace_secrets(text)))


def _decode(text: str) -> str:
    for _ in range(2):
        text = unquote(html.unescape(text))
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def _replace_secrets(text: str) -> str:
    text = _QUERY.sub("?[query]", text)  # first: the other replacements would end a query early
    for secret in sorted(_KNOWN, key=len, reverse=True):
        text = text.replace(secret, "[key]")
    text = _BEARER.sub("Bearer [key]", text)
    text = _USERINFO.sub("://[user]@", text)
    text = _EMAIL.sub("[e-mail]", _QUOTED_EMAIL.sub("[e-mail]", text))
    text = _LABELLED.sub(r"\1[key]", text)
    return _LONG_WORD.sub(lambda found: "[key]" if _is_key_like(found[0]) else found[0], text)


def excerpt(text: str, limit: int = 200) -> str:
    """The start of a text, redacted, on one line, at most `limit` characters."""
    line = " ".join(redact(truncate_at_word(text, _MAX_INPUT)).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def truncate_at_word(text: str, limit: int) -> str:
    """The start of a text, cut between words, since half an address or key would not be recognised."""
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
    """Redacts the message and the traceback of a log record, in place."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record; always True, so every record passes."""
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


_FILTER = RedactingFilter()


def redact_logs(*names: str) -> None:
    """Redact the logs of the HTTP libraries (httpx logs addresses with their query) and of the named loggers."""
    for name in (*_LOGGERS, *names):
        logging.getLogger(name).addFilter(_FILTER)  # adding it twice has no effect

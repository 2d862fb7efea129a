"""A page as a strict reader of HTML sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "img", "link", "input", "hr"}


@dataclass
class Parsed:
    """Tags in their order, the texts between them, and the text under each heading."""

    html: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def titles(self) -> list[str]:
        """The text of every heading."""
        return [title for _, title in self.headings]


class _Reader(HTMLParser):
    def __init__(self, page: Parsed) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag[0] == "h" and tag[1:].isdigit():
            self.page.headings.append((int(tag[1:]), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            return
        self.page.texts.append(data)
        if any(tag[0] == "h" and tag[1:].isdigit() for tag in self.open):
            level, title = self.page.headings[-1]
            self.page.headings[-1] = (level, " ".join((title + data).split()))


def parsed(html: str) -> Parsed:
    """Reads a page; AssertionError where a tag is not closed in its turn."""
    page = Parsed(html)
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    assert reader.open == [], f"left open: {reader.open}"
    return page

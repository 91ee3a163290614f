"""The plain text of a note: notes are HTML in the CRM."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_MARKUP = re.compile(r"<(?!br\s*/?>)[a-zA-Z/!?]", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
BLOCKS = frozenset(
    {
        *("address", "article", "blockquote", "dd", "div", "dl", "dt", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "ol", "p", "pre"),
        *("section", "table", "tr", "ul"),
    }
)
"""Elements that begin a line, and end it."""

UNSEEN = frozenset({"script", "style", "head", "title"})


def to_html(text: str) -> str:
    """What is sent of a plain text."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def to_plain(text: str) -> str:
    """What a reader sees of it; of what ``to_html`` made, exactly what that was made of."""
    if not _MARKUP.search(text):
        return html.unescape(_BREAK.sub("\n", text))
    reader = _Reader()
    reader.feed(text)
    reader.close()
    lines = "".join(reader.found).split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in lines)).strip()


class _Reader(HTMLParser):
    """Collects text, with line ends where a reader sees them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self.found.append("\n")
        elif tag in BLOCKS:
            self._end_line()

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in BLOCKS:
            self._end_line()

    def handle_data(self, data: str) -> None:
        said = re.sub(r"[ \t\r\n]+", " ", data)
        if not self._unseen and (said != " " or not self._at_begin()):
            self.found.append(said)

    def _end_line(self) -> None:
        if not self._at_begin():
            self.found.append("\n")

    def _at_begin(self) -> bool:
        return not self.found or self.found[-1].endswith("\n")

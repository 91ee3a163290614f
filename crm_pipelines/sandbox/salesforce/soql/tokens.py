"""SOQL text cut into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crm_pipelines.sandbox.salesforce.answers import Problem

_PATTERN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[zZ]|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<text>'(?:[^'\\]|\\.)*')
  | (?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
  | (?P<sign><=|>=|!=|<>|[=<>(),:])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass(frozen=True)
class Token:
    """``kind`` is one of the pattern's group names, or ``end``; ``at`` counts from 0."""

    kind: str
    text: str
    at: int


def malformed(message: str) -> Problem:
    """A query that cannot be understood."""
    return Problem(400, "MALFORMED_QUERY", message)


def tokenise(query: str) -> list[Token]:
    """All tokens but white space, closed by an ``end``; raises ``MALFORMED_QUERY``."""
    tokens, at = [], 0
    while at < len(query):
        match = _PATTERN.match(query, at)
        if match is None:
            shown = query[max(0, at - 30) : at + 30]
            what = "line" if query[at] == "'" else f"character '{query[at]}'"
            raise malformed(f"\n{shown}\n^\nERROR at Row:1:Column:{at + 1}\nunexpected {what}")
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return [*tokens, Token("end", "<EOF>", len(query))]


def unquote(literal: str, *, like: bool = False) -> str:
    """The text a quoted literal stands for; in a LIKE pattern ``\\%`` and ``\\_`` stay escaped."""

    def plain(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter in "%_":
            return "\\" + letter if like else letter
        if letter == "\\" and like:
            return "\\\\"
        return _ESCAPES.get(letter, letter)

    return re.sub(r"\\(.)", plain, literal[1:-1], flags=re.DOTALL)

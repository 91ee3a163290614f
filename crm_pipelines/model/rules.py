"""What a sound record looks like, as declarations: formats of values, rules between columns.

A check never changes a value. ``STRICT`` streams reject a record that fails one; the others keep
it as it came and warn, because the mirror must say what the CRM says.
"""

from __future__ import annotations

from dataclasses import dataclass

_GAP = r"[\s().\-/\x{2010}-\x{2015}]*"
_EXTENSION = r"(?:[\s,;]*(?:(?i:ext|extn|extension|x)[.:=]?|#)\s*\d{1,7})?"
_LOCAL = r"[A-Za-z0-9_+%&'=\-]{1,20}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,40}[A-Za-z0-9])?"
_HOST = r"(?:[\pL\pN](?:[\pL\pN_\-]*[\pL\pN])?\.)+[\pL]{2,}"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?"
_DAY = r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"


@dataclass(frozen=True)
class Check:
    """A kind of text. ``reason`` is what is said of a value that is not of this kind.

    ``right`` is a pattern (RE2) for whole columns. With ``whole`` it tells right from wrong;
    without, a value that does not match is looked at more closely.
    """

    reason: str
    right: str
    whole: bool = True


CHECKS: dict[str, Check] = {
    "email": Check(
        "not an e-mail address",
        rf"^(?:{_LOCAL}\.){{0,2}}{_LOCAL}@(?:{_LABEL}\.){{1,3}}[A-Za-z]{{2,24}}$",
        whole=False,
    ),
    "phone": Check(
        "not a phone number",
        rf"^\s*(?:\+1)?{_GAP}(?:\d{_GAP}){{9}}\d[\s)]*{_EXTENSION}\s*$"
        rf"|^\s*\(?\d(?:{_GAP}\d){{4,14}}[\s)]*{_EXTENSION}\s*$",
        whole=False,
    ),
    "url": Check(
        "not a web address",
        rf"^(?:(?i:https?)://)?{_HOST}(?::\d{{1,5}})?(?:[/?#]\S*)?$",
        whole=False,
    ),
    "date": Check("not a date", rf"^{_DAY}$", whole=False),
    "datetime": Check(
        "not a date and time", rf"^{_DAY}[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?$", whole=False
    ),
    "decimal": Check("not a number", r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$"),
    "integer": Check("not a whole number", r"^[+-]?\d+$"),
    "boolean": Check("neither true nor false", r"^(?i:true|false|t|f|yes|no|y|n|on|off|1|0)$"),
    "zip_code": Check("not a postal code", ""),
    "state": Check("not a state", ""),
    "object_id": Check(
        "not a record id",
        r"^(?:[1-9]\d{0,18}|[A-Za-z0-9]{15}|[A-Za-z0-9]{15}[A-Z0-5]{3}"
        r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
    ),
}
"""The kinds a field may be declared as; postal codes and states depend on the country."""


@dataclass(frozen=True)
class AnyOf:
    """One of these columns must say something, and something of the kind it is declared as.

    Columns that the CRM does not have count for nothing; where it has none, nothing is asked.
    """

    name: str
    columns: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class NotBefore:
    """``later`` must not lie before ``earlier``, where both are known.

    A day counts as over when it is over everywhere: the CRM does not say in which zone it is
    meant.
    """

    name: str
    later: str
    earlier: str
    reason: str


Rule = AnyOf | NotBefore
"""A rule between the columns of one record; ``name`` is what its findings are filed under."""

"""Postal codes and states, which are right or wrong by country.

The two are American words: where the record names no country, they are read as American ones.
Elsewhere a postal code must merely look like one, and what counts as a state is not ours to say.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_AMERICAN = ("us", "usa", "u.s.", "u.s.a.", "united states", "united states of america", "")
_CANADIAN = ("ca", "can", "canada")

_ZIP = {
    "american": r"^\d{5}(?:[\s\-]?\d{4})?$",
    "canadian": r"^(?:[abceghj-nprstvxy]\d[abceghj-nprstv-z])[\s\-]?"
    r"(?:\d[abceghj-nprstv-z]\d)$",
    "other": r"^[a-z\d\s\-]{0,9}\d[a-z\d\s\-]{0,9}$",
}
"""Patterns for trimmed text in lower case."""

_STATES = {
    "american": """AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado
        |CT Connecticut|DE Delaware|DC District of Columbia|FL Florida|GA Georgia|HI Hawaii
        |ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine
        |MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri
        |MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico
        |NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon
        |PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas
        |UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming
        |AS American Samoa|GU Guam|MP Northern Mariana Islands|PR Puerto Rico
        |VI U.S. Virgin Islands|VI Virgin Islands|AA Armed Forces Americas
        |AE Armed Forces Europe|AP Armed Forces Pacific""",
    "canadian": """AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick
        |NL Newfoundland and Labrador|NS Nova Scotia|NT Northwest Territories|NU Nunavut
        |ON Ontario|PE Prince Edward Island|QC Quebec|QC Québec|SK Saskatchewan|YT Yukon""",
}

PLACES = ("zip_code", "state")


def misfits(values: pa.Array, check: str, country: pa.Array | None) -> pa.Array:
    """A mask of values that are not what their country calls so."""
    said = values.dictionary_encode()  # places are few: each is looked at once
    text = _plain(said.dictionary)
    if check == "zip_code":
        fits = [pc.match_substring_regex(text, _ZIP[kind]) for kind in _ZIP]
    else:
        fits = [pc.is_in(text, value_set=_known(kind)) for kind in _STATES]
        fits.append(pc.not_equal(text, ""))
    empty = pc.equal(text, "")
    wrong = [pc.invert(pc.or_(fit, empty)).take(said.indices) for fit in fits]
    american, canadian = _in(country, _AMERICAN, len(values)), _in(country, _CANADIAN, len(values))
    return pc.if_else(american, wrong[0], pc.if_else(canadian, wrong[1], wrong[2]))


def _in(country: pa.Array | None, names: tuple[str, ...], rows: int) -> pa.Array:
    if country is None:
        return pa.repeat(names is _AMERICAN, rows)
    said = country.dictionary_encode()
    named = pc.is_in(_plain(said.dictionary), value_set=pa.array(names, pa.string()))
    return pc.fill_null(named.take(said.indices), "" in names)


def _plain(values: pa.Array) -> pa.Array:
    return pc.utf8_lower(pc.utf8_trim_whitespace(values))


def _known(kind: str) -> pa.Array:
    pairs = [entry.strip().partition(" ") for entry in _STATES[kind].split("|")]
    return pa.array({word.lower() for code, _, name in pairs for word in (code, name)}, pa.string())

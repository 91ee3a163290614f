"""Values that are legal in Salesforce and that readers stumble over."""

from __future__ import annotations

LAST_NAMES = ("NA", "None", "null", "nan", "N/A", "NULL", "true", "O'Brien", "Nguyễn", "李", "😀")
TEXTS = (
    "NA",
    "null",
    "None",
    "nan",
    "#N/A",
    "-",
    "0012345",
    "1234567890123456789012345678901234567890",
    "1e5",
    "=SUM(A1:A9)",
    "Zoë 😀 Müller",
    'said "hello", twice',
    "comma, semicolon; pipe|",
    "tab\there",
    "back\\slash\\N",
    "nul\x00byte",
    "line\u2028separator",
    "null\u200bwidth",
    "مرحبا",
    "2026-02-30",
    "true",
)
AREAS = (
    *TEXTS,
    "two\nlines",
    "three\r\nwindows\r\nlines",
    "lone\rcarriage return",
    'quote at end"',
    '"quoted"\n"and again"',
    "paragraph\u2029separator\x85and next line",
    "<p>markup &amp; entities</p>",
)
DATES = ("1899-12-31", "1700-01-01", "1900-02-28", "2000-02-29", "4000-12-31")
MOMENTS = ("1899-12-31T23:59:59.000Z", "2000-02-29T23:59:59.999Z", "2038-01-19T03:14:08.000Z")
ZIPS = ("55401", "55102-1234", "05501", "00501", "K1A 0B1", "5540")
PHONES = ("(612) 555-0100", "+1 651 555 0101", "6125550102", "612.555.0103 x12", "n/a")

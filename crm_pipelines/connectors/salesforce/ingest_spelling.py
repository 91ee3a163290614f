"""Values of Arrow columns as a Bulk API file spells them, and what no such file can hold.

Null is ``#N/A``, which empties a field; empty text is an empty value, which leaves it alone.
A parent that is named by its external id cannot be taken away so, since nothing has no external id:
null leaves it alone, too.
(Bulk API 2.0 guide: Prepare CSV Files; limits of fields and records: Bulk API limits.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from crm_pipelines.model.errors import FatalError

if TYPE_CHECKING:
    import pyarrow as pa

NULL, LEFT_ALONE = "#N/A", ""
LONGEST_FIELD, LONGEST_RECORD = 32_000, 400_000
"""Characters."""

MOST_FIELDS = 5_000


@dataclass
class Spelled:
    """Rows as lines without their ends. Where ``code`` is not null the row cannot be sent."""

    lines: pa.Array
    code: pa.Array
    message: pa.Array
    field: pa.Array


class _Complaints:
    """The first thing that is wrong with each row."""

    def __init__(self, rows: int) -> None:
        import pyarrow as pa

        self.code, self.message, self.field = (pa.nulls(rows, pa.string()) for _ in range(3))

    def note(self, wrong: pa.Array, code: str, message: str, field: str | None) -> None:
        import pyarrow.compute as pc

        if not pc.any(wrong).as_py():
            return
        fresh = pc.and_(pc.fill_null(wrong, False), pc.is_null(self.code))
        self.code = pc.if_else(fresh, code, self.code)
        self.message = pc.if_else(fresh, message, self.message)
        if field is not None:
            self.field = pc.if_else(fresh, field, self.field)


def spell(columns: Sequence[pa.Array], names: Sequence[str], key: str) -> Spelled:
    """Each row as a line. Raises ``FatalError`` for columns of a type that fields never have."""
    import pyarrow.compute as pc

    complaints, values, length = _Complaints(len(columns[0])), [], None
    for name, column in zip(names, columns, strict=True):
        texts = as_texts(name, column)
        _look_at(complaints, name, column, texts)
        characters = pc.fill_null(pc.utf8_length(texts), 0)
        length = characters if length is None else pc.add(length, characters)
        if name == key:
            _look_at_key(complaints, name, texts)
        null = LEFT_ALONE if "." in name else NULL
        values.append(quoted(texts, null, plain=not _is_text(column.type)))
    message = f"the record has more than {LONGEST_RECORD} characters"
    complaints.note(pc.greater(length, LONGEST_RECORD), "STRING_TOO_LONG", message, None)
    lines = values[0] if len(values) == 1 else pc.binary_join_element_wise(*values, ",")
    return Spelled(lines, complaints.code, complaints.message, complaints.field)


def quoted(texts: pa.Array, null: str = NULL, *, plain: bool = False) -> pa.Array:
    """Texts as values of a line; ``plain`` ones need no quotes."""
    import pyarrow.compute as pc

    if not plain:
        doubled = pc.replace_substring(texts, '"', '""')
        around = pc.binary_join_element_wise('"', doubled, '"', "")
        texts = pc.if_else(pc.is_in(texts, value_set=_unquoted()), texts, around)
    return pc.fill_null(texts, null)


def _unquoted() -> pa.Array:
    import pyarrow as pa

    return pa.array([LEFT_ALONE, NULL])


def as_texts(name: str, column: pa.Array) -> pa.Array:
    """Texts in Salesforce's spelling: ISO dates, moments in UTC; nulls stay null."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_texts(name, column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return _moments(name, column)
    if pa.types.is_time(kind):
        return _followed(column.cast(pa.time32("ms"), safe=False).cast(pa.string()), "Z")
    texts = column.cast(pa.string()) if _has_spelling(kind) else None
    if texts is None:
        raise FatalError(
            f"column {name} is of the type {kind}, which no Salesforce field has: cast it to text"
        )
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _without_exponents(texts)
    return texts


def _has_spelling(kind: pa.DataType) -> bool:
    from pyarrow import types

    known = (types.is_boolean, types.is_integer, types.is_floating, types.is_decimal, types.is_date)
    return _is_text(kind) or types.is_null(kind) or any(fits(kind) for fits in known)


def _is_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _moments(name: str, column: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type.tz is None:
        raise FatalError(f"column {name} has moments without a time zone: give it one, like UTC")
    utc = column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.timestamp("ms"))
    return _followed(pc.replace_substring(utc.cast(pa.string()), " ", "T"), "Z")


def _followed(texts: pa.Array, end: str) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(texts, end, "")


def _without_exponents(texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    large = pc.match_substring_regex(texts, r"\d[eE]")
    if not pc.any(large).as_py():
        return texts
    spelled = [f"{Decimal(text):f}" for text in texts.filter(large).to_pylist()]
    return pc.replace_with_mask(texts, pc.fill_null(large, False), pa.array(spelled, pa.string()))


def _look_at(complaints: _Complaints, name: str, column: pa.Array, texts: pa.Array) -> None:
    import pyarrow.compute as pc
    from pyarrow import types

    if _is_text(column.type):
        long = pc.greater(pc.utf8_length(texts), LONGEST_FIELD)
        message = f"the value has more than {LONGEST_FIELD} characters"
        complaints.note(long, "STRING_TOO_LONG", message, name)
        message = f"the text {NULL} would empty the field: it cannot be written as a text"
        complaints.note(pc.equal(texts, NULL), "INVALID_VALUE", message, name)
    elif types.is_floating(column.type):
        wrong = pc.invert(pc.is_finite(column))
        complaints.note(wrong, "INVALID_VALUE", "the value is not a finite number", name)


def _look_at_key(complaints: _Complaints, name: str, texts: pa.Array) -> None:
    """Salesforce cuts blanks off: a key with some would not be found again in the results."""
    import pyarrow.compute as pc

    missing = pc.equal(pc.fill_null(texts, ""), "")
    complaints.note(missing, "MISSING_ARGUMENT", f"{name} not specified", name)
    message = "the key begins or ends with a blank, which Salesforce would cut off"
    blank = pc.not_equal(texts, pc.utf8_trim_whitespace(texts))
    complaints.note(blank, "INVALID_VALUE", message, name)

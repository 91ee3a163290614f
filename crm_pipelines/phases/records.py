"""Raw JSON records to columns of text, numbers and flags, by the paths of the fields.

Records are decoded into typed structs, from where they lie; only where one of a page does not fit
its declared types are they taken apart by hand, so that the misfit is named and the rest survives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import pyarrow as pa

from crm_pipelines.model.stream import Field, Type
from crm_pipelines.phases.members import Text, unread

Problems = dict[int, dict[str, str]]
"""Row number to field to reason."""

PROBLEMS = "_problems"
"""Column of what would not cast: a JSON object of field to reason, null for a sound record."""

_PRIMARY = re.compile(r"^(\w+)\[primary\]\.(\w+)$")
_LARGEST = 2**63 - 1
_INTEGER = Annotated[int, msgspec.Meta(ge=-_LARGEST - 1, le=_LARGEST)]
_NULLS = (b"null", b"")


def to_columns(
    raw: Sequence[Text], fields: tuple[Field, ...], left_out: Counter[str] | None = None
) -> tuple[dict[str, pa.Array], Problems]:
    """One column per field, in the fields' order, and what did not fit.

    ``left_out`` counts the records by members that no field reads.
    """
    keys = tuple(dict.fromkeys(_key(field) for field in fields))
    problems: Problems = {}
    rows: Sequence[Sequence[Any]]
    try:
        rows = [msgspec.structs.astuple(record) for record in _decode(raw, fields, left_out)]
    except msgspec.MsgspecError:
        rows, problems = _by_hand(raw, fields)
    columns = {}
    for field in fields:
        at = keys.index(_key(field))
        take = _reader(field)
        values = [take(row[at]) for row in rows]
        columns[field.name] = pa.array(values, _held(field.type))
    return columns, problems


def _decode(
    raw: Sequence[Text], fields: tuple[Field, ...], left_out: Counter[str] | None
) -> list[Any]:
    """Records as structs. Only a page with something that nobody reads is looked at twice."""
    if left_out is None:
        return list(map(_decoder(fields).decode, raw))
    try:
        return list(map(_decoder(fields, strict=True).decode, raw))
    except msgspec.MsgspecError:
        left_out.update(unread(raw, frozenset(_key(field) for field in fields)))
        return list(map(_decoder(fields).decode, raw))


def _held(kind: Type) -> pa.DataType:
    """How a column is held before casting: numbers and flags typed, the rest as text."""
    return {Type.INTEGER: pa.int64(), Type.BOOLEAN: pa.bool_()}.get(kind, pa.string())


def _key(field: Field) -> str:
    return field.source.partition("[")[0]


@lru_cache(maxsize=128)
def _decoder(fields: tuple[Field, ...], *, strict: bool = False) -> msgspec.json.Decoder[Any]:
    types: dict[str, Any] = {}
    for field in fields:
        types.setdefault(_key(field), _expected(field))
    members = [
        (f"f{number}", kind, msgspec.field(default=_blank(kind), name=key))
        for number, (key, kind) in enumerate(types.items())
    ]
    record = msgspec.defstruct("Record", members, gc=False, forbid_unknown_fields=strict)
    return msgspec.json.Decoder(record)


def _expected(field: Field) -> Any:
    if _PRIMARY.match(field.source) or field.type in (Type.JSON, Type.DECIMAL):
        return msgspec.Raw
    return {Type.INTEGER: _INTEGER | None, Type.BOOLEAN: bool | None}.get(field.type, str | None)


def _blank(kind: Any) -> Any:
    return msgspec.Raw(b"null") if kind is msgspec.Raw else None


def _reader(field: Field) -> Callable[[Any], Any]:
    """From a decoded member to the value of the column."""
    primary = _PRIMARY.match(field.source)
    if primary:
        return lambda value: _primary(value, primary[2])
    if field.type is Type.JSON:
        return _text_of
    if field.type is Type.DECIMAL:
        return lambda value: (_text_of(value) or "").strip('"') or None
    return lambda value: value


def _text_of(value: Any) -> str | None:
    """JSON text as it came."""
    raw = bytes(value) if isinstance(value, msgspec.Raw) else value
    if raw is None or raw in _NULLS:
        return None
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def _primary(value: Any, member: str) -> str | None:
    items = msgspec.json.decode(bytes(value)) if isinstance(value, msgspec.Raw) else value
    if not isinstance(items, list):
        return None
    members = [item for item in items if isinstance(item, dict)]
    first = next((item for item in members if item.get("primary")), members[0] if members else {})
    found = first.get(member)
    return str(found) if found not in (None, "") else None


def _by_hand(raw: Sequence[Text], fields: tuple[Field, ...]) -> tuple[list[list[Any]], Problems]:
    """Record by record; a value of the wrong type leaves a null and a reason."""
    rows: list[list[Any]] = []
    problems: Problems = {}
    firsts: dict[str, Field] = {}
    for field in fields:
        firsts.setdefault(_key(field), field)
    for number, text in enumerate(raw):
        reasons: dict[str, str] = {}
        try:
            record = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except msgspec.MsgspecError as error:
            record, reasons = {}, {"*": f"not a JSON object: {error}"}
        rows.append([_member(record.get(key), field, reasons) for key, field in firsts.items()])
        if reasons:
            problems[number] = reasons
    return rows, problems


def _member(value: msgspec.Raw | None, field: Field, reasons: dict[str, str]) -> Any:
    kind = _expected(field)
    if value is None or bytes(value) in _NULLS:
        return _blank(kind)
    if kind is msgspec.Raw:
        return value
    try:
        return msgspec.json.decode(bytes(value), type=kind)
    except msgspec.MsgspecError:
        return _coerce(bytes(value), field, reasons)


def _coerce(raw: bytes, field: Field, reasons: dict[str, str]) -> Any:
    """The few spellings that mean the same: "5" for 5, 1 for true, any scalar for text."""
    text = raw.decode(errors="replace").strip()
    bare = text.strip('"')
    if field.type is Type.INTEGER and re.fullmatch(r"[+-]?\d{1,18}(\.0+)?", bare):
        return int(bare.partition(".")[0])
    if field.type is Type.BOOLEAN and bare in ("0", "1", "true", "false"):
        return bare in ("1", "true")
    if field.type not in (Type.INTEGER, Type.BOOLEAN) and not text.startswith('"'):
        return text
    reasons[field.name] = f"not of type {field.type.value}: {text[:100]}"
    return None

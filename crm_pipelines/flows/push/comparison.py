"""Whether two values of a field mean the same."""

from __future__ import annotations

from typing import Any

from crm_pipelines.model.command import Entity
from crm_pipelines.model.writable import FIELDS, Shape

_SETS = (Shape.IDS,)
_CLOCKS = (Shape.TIME, Shape.DURATION)


def same(entity: Entity, name: str, one: Any, other: Any) -> bool:
    """Nothing, an empty text and an empty list are the same; so are 10:00 and 10:00:00."""
    shape = FIELDS[entity][name].shape
    return bool(_plain(shape, one) == _plain(shape, other))


def _plain(shape: Shape, value: Any) -> Any:
    if value is None or value == "" or value == []:
        return None
    if shape in _SETS:
        return frozenset(value)
    if shape is Shape.EMAILS:
        return [str(address).strip().casefold() for address in value]
    if shape is Shape.PHONES:
        return [str(number).strip() for number in value]
    if shape in _CLOCKS:
        return f"{value}:00" if str(value).count(":") == 1 else str(value)
    if isinstance(value, str):
        return value.strip()
    return value


def with_first(
    there: list[Any] | None, before: list[Any] | None, now: list[Any] | None
) -> list[Any]:
    """A list of which we know the first value only: that one is replaced, the others stay."""
    ours = {str(value).casefold() for value in (*(before or ()), *(now or ()))}
    rest = [value for value in there or () if str(value).casefold() not in ours]
    return [*(now or ()), *rest]

"""Members of JSON records: the custom ones a column holds, and those that no column reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa

from crm_pipelines.model.stream import Field

Text: TypeAlias = bytes | pa.Buffer
"""The JSON text of a record."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def unread(raw: Sequence[Text], read: frozenset[str]) -> Counter[str]:
    """How many records have which member that is not among those read."""
    found: Counter[str] = Counter()
    for text in raw:
        try:
            found.update(_OBJECT.decode(text).keys() - read)
        except msgspec.MsgspecError:
            continue  # told as a problem of the record
    return found


@dataclass
class Members:
    """What the records of a run turn out to have."""

    unread: Counter[str] = field(default_factory=Counter)
    custom: dict[str, set[str]] = field(default_factory=dict)

    def see_custom(self, columns: dict[str, pa.Array], fields: tuple[Field, ...]) -> None:
        """Look at the columns that are ``keyed``.

        Every record shows all custom fields, so the first and the last of a chunk are asked.
        """
        for one in fields:
            values = columns[one.name]
            if not one.keyed or not len(values):
                continue
            for value in (values[0].as_py(), values[-1].as_py()):
                self.custom.setdefault(one.name, set()).update(_members(value))

    def add(self, other: Members) -> None:
        """What was found in other records of the same run."""
        self.unread.update(other.unread)
        for name, members in other.custom.items():
            self.custom.setdefault(name, set()).update(members)

    @property
    def notes(self) -> dict[str, Any]:
        """For the manifest."""
        custom = {name: sorted(map(_clean, members)) for name, members in self.custom.items()}
        unread = {_clean(name): count for name, count in self.unread.most_common()}
        return {"unread_keys": unread, "custom_keys": custom}


def _clean(name: str) -> str:
    """PostgreSQL stores no NUL."""
    return name.replace("\0", "")


def _members(value: str | None) -> set[str]:
    try:
        return set(_OBJECT.decode(value or "{}"))
    except msgspec.MsgspecError:
        return set()  # no object: kept as it came

"""Which of our words Pipedrive complains of when it refuses a body."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from crm_pipelines.connectors.pipedrive.bodies import KEYS
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import InvalidData
from crm_pipelines.model.writable import FIELDS

_NAMED = re.compile(r"""["'`]([\w.\[\]]+)["'`]|Validation failed: ([\w.\[\]]+):""")
"""``"emails" must be …`` and ``Validation failed: due_time: This value …``."""

_COMMON = frozenset({"value", "type", "status", "note", "done"})
"""Keys that are words of every day: they count only where they are named as keys."""


def complained_of(words: str, keys: Collection[str]) -> frozenset[str]:
    """Those of the keys that the words name; plain words count if nothing else is there."""
    named = {re.split(r"[.\[]", first or second)[0] for first, second in _NAMED.findall(words)}
    spoken = set(re.findall(r"\w+", words)) - _COMMON
    return frozenset(named.intersection(keys) or spoken.intersection(keys))


def in_our_words(error: InvalidData, entity: Entity, values: Mapping[str, Any]) -> InvalidData:
    """The same error; its fields are those that the caller gave, or should have given."""
    needed = (name for name, field in FIELDS[entity].items() if field.needed)
    ours = {name: KEYS.get(name, name) for name in (*values, *needed)}
    keys = complained_of(str(error), ours.values())
    return InvalidData(str(error), tuple(name for name, key in ours.items() if key in keys))

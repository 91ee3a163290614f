"""What a call costs in tokens, by API version and kind of operation; page size is free."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "one",
    "list",
    "list_small",
    "list_archived",
    "create",
    "update",
    "delete",
    "search",
    "fields",
    "field",
    "user_find",
    "merge",
]

COSTS: dict[str, dict[Kind, int]] = {
    "v2": {
        "one": 1,
        "list": 10,
        "list_small": 5,
        "list_archived": 20,
        "create": 5,
        "update": 5,
        "delete": 3,
        "search": 20,
        "fields": 10,
        "field": 1,
    },
    "v1": {
        "one": 2,
        "list": 20,
        "list_small": 10,
        "list_archived": 40,
        "create": 10,
        "update": 10,
        "delete": 6,
        "search": 40,
        "fields": 20,
        "field": 2,
        "user_find": 40,
        "merge": 40,
    },
}
"""The published token table; OAuth calls are free."""

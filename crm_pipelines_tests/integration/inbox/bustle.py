"""People who work in a simulated Pipedrive: they make, change, merge and delete, at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client

Fields = dict[str, Any]

NAMES: dict[str, str] = {
    "persons": "name",
    "organizations": "name",
    "deals": "title",
    "activities": "subject",
    "products": "name",
    "leads": "title",
    "notes": "content",
    "stages": "name",
}
"""Collections that people work on, and what they rename."""

WEIGHTS = {"persons": 6, "organizations": 5, "deals": 6, "activities": 6}
MERGED = ("persons", "organizations", "deals")


@dataclass
class Bustle:
    """``changes`` counts how many changes were made."""

    sandbox: Sandbox
    seed: int
    changes: int = 0
    _alive: dict[str, list[Any]] = field(default_factory=dict)
    _codes: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        for name in NAMES:
            records = self.sandbox.truth("pipedrive", name)
            self._alive[name] = [record["id"] for record in records]
            self._codes[name] = self._text_codes(name)

    def _text_codes(self, name: str) -> list[str]:
        """Custom fields that hold a line of text."""
        if name not in ("persons", "organizations", "deals", "products"):
            return []
        address = f"{self.sandbox.url}/api/v2/{name.removesuffix('s')}Fields?limit=500"
        with plain_client(headers={"x-api-token": TOKEN}) as client:
            fields = client.get(address).json()["data"]
        return [
            one["field_code"]
            for one in fields
            if one["is_custom_field"] and one["field_type"] in ("varchar", "text")
        ]

    def go_on(self, changes: int) -> None:
        """So many more changes, one after the other."""
        with plain_client(base_url=f"{self.sandbox.url}/sandbox/pipedrive") as crm:
            for _ in range(changes):
                self._act(crm)

    def _act(self, crm: httpx.Client) -> None:
        names = list(NAMES)
        name = self._random.choices(names, [WEIGHTS.get(one, 1) for one in names])[0]
        acts: list[tuple[int, Callable[[httpx.Client, str], None]]] = [
            (60, self._edit),
            (20, self._add),
            (9, self._delete),
            (3, self._merge),
        ]
        act = self._random.choices([act for _, act in acts], [weight for weight, _ in acts])[0]
        act(crm, name)

    def _add(self, crm: httpx.Client, name: str) -> None:
        given = self._values(name)
        if name == "leads":
            given["person_id"] = self._random.choice(self._alive["persons"])
        if name == "stages":
            given["pipeline_id"] = 1
        made = self._send(crm, "POST", f"/records/{name}", given)
        self._alive[name].append(made["id"])

    def _edit(self, crm: httpx.Client, name: str) -> None:
        id_ = self._random.choice(self._alive[name])
        self._send(crm, "PATCH", f"/records/{name}/{id_}", self._values(name))

    def _delete(self, crm: httpx.Client, name: str) -> None:
        if len(self._alive[name]) < 6 or name == "stages":
            return self._edit(crm, name)
        self._send(crm, "DELETE", f"/records/{name}/{self._take(name)}")
        return None

    def _merge(self, crm: httpx.Client, name: str) -> None:
        if name not in MERGED or len(self._alive[name]) < 6:
            return self._edit(crm, name)
        leaving, staying = self._take(name), self._random.choice(self._alive[name])
        self._send(crm, "POST", f"/records/{name}/{leaving}/merge", {"into": staying})
        self.changes += 1  # it is told of both
        return None

    def _take(self, name: str) -> Any:
        return self._alive[name].pop(self._random.randrange(len(self._alive[name])))

    def _values(self, name: str) -> Fields:
        number = self._random.randrange(10**6)
        given: Fields = {NAMES[name]: f"{name} {number} \N{SNOWMAN}"}
        codes = self._codes[name]
        if codes and name != "leads" and self._random.random() < 0.3:
            value = self._random.choice([None, f"value {number}"])
            given["custom_fields"] = {self._random.choice(codes): value}
        if name in ("deals", "activities"):
            given["person_id"] = self._random.choice([None, *self._alive["persons"]])
        if name in ("persons", "deals"):
            given["org_id"] = self._random.choice([None, *self._alive["organizations"]])
        if name == "deals":
            given["value"] = self._random.choice([number, number + 0.1, 12345678901234.56])
            given["is_archived"] = self._random.random() < 0.1
        if name == "persons":
            mail = {"value": f"{number}@example.com", "primary": True, "label": "work"}
            given["emails"] = self._random.choice([[], [mail]])
        return given

    def _send(self, crm: httpx.Client, method: str, path: str, body: Any = None) -> Any:
        answer = crm.request(method, path, json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        self.changes += 1
        return answer.json() if answer.content else None

"""What a Pipedrive call costs, operation by operation."""

from __future__ import annotations

import pytest

from crm_pipelines.connectors.pipedrive.costs import DEAREST, price
from crm_pipelines.connectors.pipedrive.streams import STREAMS

CODE = "a" * 40


@pytest.mark.parametrize(
    ("method", "path", "tokens"),
    [
        ("GET", "/api/v2/persons", 10),
        ("GET", "/api/v2/organizations", 10),
        ("GET", "/api/v2/deals", 10),
        ("GET", "/api/v2/activities", 10),
        ("GET", "/api/v2/products", 10),
        ("GET", "/api/v2/deals/archived", 20),
        ("GET", "/api/v2/pipelines", 5),
        ("GET", "/api/v2/stages", 5),
        ("GET", "/api/v2/persons/1", 1),
        ("GET", "/api/v2/stages/1", 1),
        ("POST", "/api/v2/persons", 5),
        ("PATCH", "/api/v2/persons/1", 5),
        ("DELETE", "/api/v2/persons/1", 3),
        ("GET", "/api/v2/persons/search", 20),
        ("GET", "/api/v2/itemSearch", 20),
        ("GET", "/api/v2/itemSearch/field", 20),
        ("GET", "/api/v2/personFields", 10),
        ("GET", "/api/v2/activityFields", 10),
        ("GET", f"/api/v2/dealFields/{CODE}", 1),
        ("POST", "/api/v2/personFields", 5),
        ("PATCH", f"/api/v2/personFields/{CODE}", 5),
        ("DELETE", f"/api/v2/personFields/{CODE}", 3),
        ("POST", "/api/v2/personFields/label_ids/options", 5),
        ("PATCH", "/api/v2/personFields/label_ids/options", 5),
        ("DELETE", "/api/v2/personFields/label_ids/options", 3),
        ("GET", "/api/v1/users", 20),
        ("GET", "/api/v1/users/5", 2),
        ("GET", "/api/v1/users/me", 2),
        ("GET", "/api/v1/users/find", 40),
        ("GET", "/api/v1/notes", 20),
        ("GET", "/api/v1/leads", 20),
        ("GET", "/api/v1/leads/archived", 40),
        ("GET", "/api/v1/deals/7/changelog", 20),
        ("GET", "/api/v1/activityTypes", 20),
        ("GET", "/api/v1/currencies", 20),
        ("GET", "/api/v1/files", 20),
        ("GET", "/api/v1/filters", 20),
        ("GET", "/api/v1/leadFields", 20),
        ("GET", "/api/v1/leadLabels", 20),
        ("GET", "/api/v1/webhooks", 10),
        ("POST", "/api/v1/webhooks", 10),
        ("DELETE", "/api/v1/webhooks/3", 6),
        ("PUT", "/api/v1/persons/1/merge", 40),
        ("POST", "/api/v1/notes", 10),
        ("PUT", "/api/v1/notes/1", 10),
        ("DELETE", "/api/v1/notes/1", 6),
    ],
)
def test_the_published_price(method: str, path: str, tokens: int) -> None:
    assert price(method, path) == tokens


def test_what_nobody_knows_counts_as_the_dearest() -> None:
    assert price("GET", "/api/v3/wonders") == DEAREST
    assert price("POST", "/api/v2/leads/1/convert/deal") == DEAREST


def test_every_declared_list_has_the_price_of_its_kind() -> None:
    """A price is known, not the one for want of another; v1 is twice as dear."""
    archives = {"/api/v2/deals/archived": 20, "/api/v1/leads/archived": 40}
    small = {"/api/v2/pipelines": 5, "/api/v2/stages": 5}
    for stream in STREAMS:
        usual = 10 if stream.path.startswith("/api/v2/") else 20
        assert price("GET", stream.path) == {**archives, **small}.get(stream.path, usual)


def test_no_declared_list_is_out_of_support() -> None:
    """What v2 lists is never read over v1."""
    old = {stream.path for stream in STREAMS if not stream.path.startswith("/api/v2/")}
    kinds = "users currencies activityTypes leadLabels filters leadFields leads notes files"
    assert old == {*(f"/api/v1/{kind}" for kind in kinds.split()), "/api/v1/leads/archived"}

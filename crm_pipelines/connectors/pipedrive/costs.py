"""What a call costs in tokens: one flat number per operation, whatever the page size.

Source: ``x-token-cost`` in Pipedrive's published OpenAPI documents for v2 and v1.
"""

from __future__ import annotations

import re

_ID = r"[^/]+"
_FIELDS = r"(person|organization|deal|product|activity)Fields"

COSTS: tuple[tuple[str, str, int], ...] = (
    ("GET", rf"/api/v2/({_ID}/search|itemSearch|itemSearch/field)", 20),
    ("GET", r"/api/v2/deals/archived", 20),
    ("GET", r"/api/v2/(pipelines|stages)", 5),
    ("GET", rf"/api/v2/{_FIELDS}", 10),
    ("POST|PATCH", rf"/api/v2/{_FIELDS}(/{_ID}(/options)?)?", 5),
    ("DELETE", rf"/api/v2/{_FIELDS}/{_ID}(/options)?", 3),
    ("GET", rf"/api/v2/{_ID}", 10),
    ("GET", rf"/api/v2/{_ID}/{_ID}", 1),
    ("POST", rf"/api/v2/{_ID}", 5),
    ("PATCH", rf"/api/v2/{_ID}/{_ID}", 5),
    ("DELETE", rf"/api/v2/{_ID}/{_ID}", 3),
    ("GET", r"/api/v1/users/find", 40),
    ("GET", r"/api/v1/users/me", 2),
    ("PUT", rf"/api/v1/{_ID}/{_ID}/merge", 40),
    ("GET|POST", r"/api/v1/webhooks", 10),
    ("GET", r"/api/v1/leads/archived", 40),
    ("GET", rf"/api/v1/deals/{_ID}/changelog", 20),
    ("GET", rf"/api/v1/({_ID}/search|itemSearch|itemSearch/field)", 40),
    ("GET", rf"/api/v1/{_ID}", 20),
    ("GET", rf"/api/v1/{_ID}/{_ID}", 2),
    ("POST", rf"/api/v1/{_ID}", 10),
    ("PUT", rf"/api/v1/{_ID}/{_ID}", 10),
    ("DELETE", rf"/api/v1/{_ID}/{_ID}", 6),
)
"""Method, path, tokens; the first row that matches counts."""

_ROWS = tuple((re.compile(f"({method}) {path}$"), tokens) for method, path, tokens in COSTS)
DEAREST = 40


def price(method: str, path: str) -> int:
    """Tokens for a call; what the table does not know counts as the dearest."""
    wanted = f"{method} {path}"
    return next((tokens for row, tokens in _ROWS if row.match(wanted)), DEAREST)

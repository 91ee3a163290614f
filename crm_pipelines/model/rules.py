"""Format checks by name, as patterns that whole columns are matched against (RE2 syntax)."""

from __future__ import annotations

CHECKS: dict[str, str] = {
    "email": r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$",
    "phone": r"^\+?[\d\s().\-/x#*;,extp]{5,40}$",
    "url": r"^([a-zA-Z][a-zA-Z0-9+.\-]*://)?[^\s/.]+(\.[^\s/.]+)+(/\S*)?$",
    "object_id": r"^([a-zA-Z0-9]{15}|[a-zA-Z0-9]{18})$",
}
"""What a value should look like. A value that does not is kept and reported, not changed."""

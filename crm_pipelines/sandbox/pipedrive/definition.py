"""What a field definition looks like."""

from __future__ import annotations

from collections.abc import Sequence

from crm_pipelines.sandbox.pipedrive.schema import Record

SUBFIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "monetary": (("currency", "varchar"),),
    "daterange": (("until", "date"),),
    "time": (("timezone_id", "int"), ("timezone_name", "varchar")),
    "timerange": (("until", "time"), ("timezone_id", "int"), ("timezone_name", "varchar")),
    "address": tuple(
        (name, "varchar")
        for name in (
            "subpremise",
            "street_number",
            "route",
            "sublocality",
            "locality",
            "admin_area_level_1",
            "admin_area_level_2",
            "country",
            "postal_code",
        )
    ),
}


def definition(
    name: str, code: str, kind: str, options: Sequence[Record] | None = None, *, custom: bool
) -> Record:
    """A field definition as v2 shows it."""
    subfields = [
        {"field_code": f"{code}_{part}", "field_name": part, "field_type": type_}
        for part, type_ in SUBFIELDS.get(kind, ())
    ]
    return {
        "field_name": name,
        "field_code": code,
        "field_type": kind,
        "options": list(options) if options is not None else None,
        "subfields": subfields or None,
        "is_custom_field": custom,
        "is_optional_response_field": False,
    }

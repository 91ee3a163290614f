"""What a materialization says of itself: figures that the UI plots, schema, a few rows."""

from __future__ import annotations

from typing import Any

import dagster as dg

from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.model.drift import NOTE
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.stream import Field
from crm_pipelines.store.inspect import changed_rows, count_alive

PREVIEW_COLUMNS = 8
PREVIEW_ROWS = 5

FIGURES = (
    "records_per_second",
    "success_rate",
    "error_rate",
    "records_per_api_call",
    "peak_memory_mb",
)
"""Metrics of the run's line of history that are told here, too, so that the UI plots them."""

ALWAYS_TOLD = ("added_columns", "vanished_columns")


def describe_outcome(
    mirror: Mirror, outcome: Outcome, manifest: Manifest, run: str
) -> dict[str, Any]:
    """Metadata of one sync of one stream."""
    table = mirror.stream.table_name
    return {
        "dagster/row_count": count_alive(mirror.database, mirror.account, mirror.stream),
        "dagster/column_schema": dg.TableSchema(columns=[_column(f) for f in manifest.fields]),
        "fetched": outcome.fetched,
        "created": outcome.created,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
        "rejected": outcome.rejected,
        "deleted": outcome.deleted,
        "api_calls": outcome.api_calls,
        "tokens": outcome.tokens,
        **{name: manifest.notes[name] for name in FIGURES if name in manifest.notes},
        **{name: value for name, value in manifest.notes.items() if name.endswith("_seconds")},
        "slice": manifest.slice.describe(),
        **{name: manifest.notes[name] for name in ("read_by",) if manifest.notes.get(name)},
        "went_on_from_checkpoint": bool(manifest.notes["resumed"]),
        **_drift(manifest.notes[NOTE]),
        "remarks": manifest.notes["remarks"],
        "validation": "strict" if manifest.notes["strict"] else "lenient",
        "warnings": manifest.notes["warnings"],
        "rejected_by_reason": manifest.notes["rejected_by_reason"],
        "changed_rows": dg.MetadataValue.md(
            _as_markdown(
                changed_rows(mirror.database, mirror.account, mirror.stream, run, PREVIEW_ROWS)
            )
        ),
        "table": f"{mirror.account.crm}.{table}",
    }


def _drift(notes: dict[str, Any]) -> dict[str, Any]:
    """Columns added and vanished are always told, the rest if there is any."""
    told = {name: ", ".join(notes.get(name, ())) or "none" for name in ALWAYS_TOLD}
    return told | {name: value for name, value in notes.items() if name not in told}


def static_metadata(crm: str, table: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    """What is known before the first sync."""
    known: dict[str, Any] = {"dagster/table_name": f"{crm}.{table}"}
    if fields:
        known["dagster/column_schema"] = dg.TableSchema(columns=[_column(f) for f in fields])
    return known


def _column(field: Field) -> dg.TableColumn:
    origin = f"CRM field: {field.source}"
    return dg.TableColumn(
        name=field.name,
        type=field.type.value,
        description=f"{field.description} ({origin})" if field.description else origin,
    )


def _as_markdown(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "Nothing changed."
    names = [*list(rows[0])[:PREVIEW_COLUMNS], "_deleted_at"]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    plain = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return plain if len(plain) <= 40 else plain[:39] + "…"

"""What is new about a stream's fields and its records' members since the last sync."""

from __future__ import annotations

from collections.abc import Mapping

from crm_pipelines.model.drift import Drift, appeared, unfilled, vanished
from crm_pipelines.model.manifest import Manifest
from crm_pipelines.model.window import Mode
from crm_pipelines.store.known import Known
from crm_pipelines.store.widening import Shape

UNREAD = ""
"""Under this name stand members that no column is declared for."""


def drift_of(manifest: Manifest, known: Known, shape: Shape) -> Drift:
    """Everything there is to tell. Records that are run again tell nothing of the CRM as it is."""
    altered = Drift(
        added=shape.added,
        widened=shape.widened,
        narrowed=_news(shape.narrowed, known),
        hindrances=shape.hindrances,
    )
    if manifest.options.mode is Mode.RETRY:
        return altered
    seen = _seen(manifest)
    return Drift(
        added=tuple(dict.fromkeys((*shape.added, *appeared(known.fields, manifest.fields)))),
        vanished=vanished(known.fields, manifest.fields),
        widened=altered.widened,
        narrowed=altered.narrowed,
        added_keys=_added(seen, known.keys),
        vanished_keys=_vanished(seen, known.keys),
        unread=manifest.notes.get("unread_keys", {}),
        hindrances=shape.hindrances,
    )


def to_remember(manifest: Manifest, known: Known) -> Known:
    """What the next sync has to know. New fields count as known once every record was read."""
    fields = manifest.fields
    if unfilled(known.fields, fields) and not manifest.slice.reaches_all:
        fields = known.fields
    return Known(fields, _keys_to_keep(manifest, known))


def _keys_to_keep(manifest: Manifest, known: Known) -> dict[str, list[str]]:
    """A run that saw no record learnt nothing."""
    seen = {name: members for name, members in _seen(manifest).items() if members}
    unread = sorted({*known.keys.get(UNREAD, ()), *seen.pop(UNREAD, ())})
    kept = {**known.keys, **seen}
    return {**kept, UNREAD: unread} if unread else kept


def _seen(manifest: Manifest) -> dict[str, list[str]]:
    custom = manifest.notes.get("custom_keys", {})
    return {**custom, UNREAD: sorted(manifest.notes.get("unread_keys", {}))}


def _added(seen: dict[str, list[str]], known: dict[str, list[str]]) -> tuple[str, ...]:
    """Custom members are news only where some were known; unread ones whenever they are."""
    return tuple(
        _path(name, member)
        for name, members in seen.items()
        if name in known or name == UNREAD
        for member in members
        if member not in known.get(name, ())
    )


def _vanished(seen: dict[str, list[str]], known: dict[str, list[str]]) -> tuple[str, ...]:
    return tuple(
        _path(name, member)
        for name, members in known.items()
        if name != UNREAD and seen.get(name)
        for member in members
        if member not in seen[name]
    )


def _path(name: str, member: str) -> str:
    return f"{name}.{member}" if name else member


def _news(narrowed: Mapping[str, str], known: Known) -> dict[str, str]:
    """Columns wider than their fields stay so for good: told when the field changed."""
    before = {one.name: one.type.value for one in known.fields}
    return {
        name: words
        for name, words in narrowed.items()
        if not words.endswith(f"→ {before.get(name, '')}")
    }

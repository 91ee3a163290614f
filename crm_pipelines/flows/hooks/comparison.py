"""The CRM's list of webhooks beside ours: which belong together, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from crm_pipelines.flows.hooks.wanted import ACTION, PREFIX
from crm_pipelines.model.hook import Hook
from crm_pipelines.store.webhooks import Registration


class Condition(StrEnum):
    """How a webhook of ours is found. ``silent`` can only be told from the mirror."""

    GOOD = "good"
    MISSING = "missing"
    INACTIVE = "inactive"
    MISPLACED = "misplaced"
    FAILING = "failing"
    SILENT = "silent"


STANDS = (Condition.GOOD, Condition.FAILING, Condition.SILENT)
"""What may be left as it is: it is there, and as we wanted it."""


@dataclass(frozen=True)
class Pair:
    """A registration and what the CRM has of it."""

    registration: Registration
    hook: Hook | None
    condition: Condition
    words: str = ""

    @property
    def object(self) -> str:
        """The kind of record it is about."""
        return self.registration.object


@dataclass(frozen=True)
class Comparison:
    """``strays`` are ours and nobody knows their credentials, ``others`` are none of our own."""

    pairs: tuple[Pair, ...]
    strays: tuple[Hook, ...]
    others: tuple[Hook, ...]

    def best(self, objects: Collection[str], unwanted: Collection[int]) -> dict[str, Pair]:
        """The newest for each object that may stay; ``unwanted`` are ids of registrations."""
        return {
            pair.object: pair
            for pair in self.pairs
            if pair.object in objects
            and pair.condition in STANDS
            and pair.registration.id not in unwanted
        }


def compare(registrations: Sequence[Registration], hooks: Sequence[Hook], url: str) -> Comparison:
    """Every webhook of the list finds its place; living registrations without one are missing."""
    known = {one.username: one for one in registrations}
    found: dict[int, Hook] = {}
    strays, others = [], []
    for hook in hooks:
        own = known.get(_user(hook))
        if own is not None and own.lives:
            found[own.id] = hook
        elif own is not None or (hook.name.startswith(f"{PREFIX} ") and hook.url == url):
            strays.append(hook)
        else:
            others.append(hook)
    pairs = [_pair(one, found.get(one.id), url) for one in registrations if one.lives]
    return Comparison(tuple(pairs), tuple(strays), tuple(others))


def _user(hook: Hook) -> str:
    """Whose credentials it carries, by the name where the list keeps them to itself."""
    last = hook.name.split()[-1] if hook.name.startswith(f"{PREFIX} ") else ""
    return hook.username or last


def _pair(one: Registration, hook: Hook | None, url: str) -> Pair:
    if hook is None:
        words = "the CRM has it no more" if one.remote_id else "the CRM never made it"
        return Pair(one, None, Condition.MISSING, words)
    if hook.url != url:
        return Pair(one, hook, Condition.MISPLACED, f"it delivers to {hook.url}")
    if (hook.object, hook.action, hook.version) != (one.object, ACTION, "2.0"):
        words = f"it is about {hook.object} {hook.action}, version {hook.version}"
        return Pair(one, hook, Condition.MISPLACED, words)
    if not hook.active:
        return Pair(one, hook, Condition.INACTIVE, "the CRM has switched it off")
    if hook.last_delivery_at is not None and not _well(hook.last_status):
        said = f"was answered {hook.last_status}" if hook.last_status else "got no answer"
        return Pair(one, hook, Condition.FAILING, f"its last delivery {said}")
    return Pair(one, hook, Condition.GOOD)


def _well(status: int | None) -> bool:
    return status is not None and 200 <= status < 300

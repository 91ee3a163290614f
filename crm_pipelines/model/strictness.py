"""How strictly a workspace takes the checks of its streams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MODES = ("lenient", "strict")


@dataclass(frozen=True)
class Strictness:
    """Which streams reject records that fail a check; the others warn and keep them.

    ``rules`` are pairs of what is meant (``""`` for everything, ``crm`` or ``crm.stream``) and
    whether it is strict; the one that says most exactly what it means counts.
    """

    rules: tuple[tuple[str, bool], ...] = ()

    def of(self, crm: str, stream: str) -> bool:
        """Whether a stream is strict."""
        said = dict(self.rules)
        names = (f"{crm}.{stream}", crm, "")
        return next((said[name] for name in names if name in said), False)

    def unknown(self, known: Iterable[str]) -> list[str]:
        """What is named but is not there; ``known`` are streams as ``crm.stream``."""
        streams = set(known)
        crms = {name.partition(".")[0] for name in streams}
        return [name for name, _ in self.rules if name not in streams | crms | {""}]


def read_strictness(text: str) -> Strictness:
    """From ``lenient``, ``strict`` or a list like ``lenient, salesforce.contacts=strict``.

    Raises ``ValueError`` that says what is wrong.
    """
    rules: dict[str, bool] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, mode = (word.strip() for word in part.rpartition("="))
        if mode not in MODES or ("=" in part and not name):
            raise ValueError(
                f"{part!r} is not understood: say lenient, strict, or a list like "
                "lenient,salesforce.contacts=strict"
            )
        if name in rules:
            raise ValueError(f"says twice how strict {name or 'everything'} is")
        rules[name] = mode == "strict"
    return Strictness(tuple(rules.items()))

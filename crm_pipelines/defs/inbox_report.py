"""What a run of the inbox tells: tags at the run, figures at the inbox and at each mirror."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import dagster as dg

from crm_pipelines.defs.names import Names
from crm_pipelines.flows.inbox.batches import Applied
from crm_pipelines.model.event import State

WRITTEN = ("created", "updated", "unchanged", "deleted", "rejected")
FIGURES = ("put_off", "local", "transitions", "actions", "api_calls", "tokens")


class Report:
    """Gathers what became of deliveries while a run goes on, and tells it in the end."""

    def __init__(self, context: dg.OpExecutionContext, crm: str, names: Names) -> None:
        self._context, self._crm, self._names = context, crm, names
        self._states: defaultdict[str, Counter[State]] = defaultdict(Counter)
        self._figures: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._said: set[tuple[str, str]] = set()
        self._streams: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def add(self, workspace: str, applied: Applied) -> None:
        """A batch more."""
        self._states[workspace].update(applied.states)
        self._figures[workspace].update({name: getattr(applied, name) for name in FIGURES})
        for stream, outcome in applied.streams.items():
            self._streams[workspace, stream].update(
                {name: getattr(outcome, name) for name in WRITTEN}
            )
        self._say(workspace, applied.words)
        self._say(workspace, "another process applies deliveries right now" * applied.busy)

    def _say(self, workspace: str, words: str) -> None:
        """The same words are told once in a run."""
        if words and (workspace, words) not in self._said:
            self._said.add((workspace, words))
            self._context.log.warning(f"{workspace}: {words}")

    def tell(self) -> None:
        """Tags, and an event at the asset of the inbox and of every mirror that was touched."""
        states = sum(self._states.values(), Counter[State]())
        self._context.instance.add_run_tags(
            self._context.run_id,
            {f"inbox/{state}": str(number) for state, number in states.items() if number},
        )
        for workspace in self._states:
            if self._states[workspace] or self._figures[workspace]["put_off"]:
                self._context.log_event(
                    dg.AssetMaterialization(
                        self._names.inbox(workspace, self._crm), metadata=self._of_inbox(workspace)
                    )
                )
        for (workspace, stream), counts in self._streams.items():
            if any(counts.values()):
                metadata: dict[str, Any] = {f"{name}_by_webhook": counts[name] for name in WRITTEN}
                key = self._names.mirror(workspace, self._crm, stream)
                self._context.log_event(dg.AssetObservation(key, metadata=metadata))

    def _of_inbox(self, workspace: str) -> dict[str, Any]:
        states = self._states[workspace]
        lines = ["| stream | " + " | ".join(WRITTEN) + " |", "| --- |" + " --- |" * len(WRITTEN)]
        for (of, stream), counts in sorted(self._streams.items()):
            if of == workspace:
                lines.append(f"| {stream} | " + " | ".join(str(counts[n]) for n in WRITTEN) + " |")
        return {
            **{state.value: states[state] for state in State if state is not State.WAITING},
            **{name: self._figures[workspace][name] for name in FIGURES},
            "rows_by_stream": dg.MetadataValue.md("\n".join(lines)),
        }

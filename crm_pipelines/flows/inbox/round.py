"""What one batch comes to, as it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_pipelines.flows.inbox.batches import Checked, Record, Trouble, add
from crm_pipelines.flows.inbox.decisions import Decisions
from crm_pipelines.flows.inbox.questions import Answers
from crm_pipelines.model.manifest import Outcome


@dataclass
class Round:
    """``answers`` are by object, ``outcomes`` by stream; ``whole`` are streams that were read as a
    whole, ``runs`` are those of the lines of history."""

    checked: Checked
    decisions: Decisions
    answers: dict[str, Answers] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    troubles: dict[Record, Trouble] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)

    def note(self, stream: str, outcome: Outcome) -> None:
        """One more outcome of a stream."""
        self.outcomes[stream] = add(self.outcomes.get(stream, Outcome()), outcome)

    def wrote(self, stream: str, outcome: Outcome, runs: Sequence[str]) -> None:
        """The same, with the runs it took."""
        self.note(stream, outcome)
        self.runs += runs

    def unsettled(self) -> dict[int, Trouble]:
        """Deliveries that cannot be settled now, and why."""
        found = dict(self.checked.held)
        for record, trouble in self.troubles.items():
            found.update(dict.fromkeys(self.decisions.because.get(record, ()), trouble))
        return found

"""What a keeper is told by whoever starts it: JSON on its command line."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Orders:
    """One program to keep; the locks are open descriptors that the keeper inherits.

    Without a program lock the program runs already, as process `adopted`.
    """

    folder: str
    argv: list[str]
    stop_signals: list[int]
    stop_seconds: float
    steady_seconds: float
    grace_seconds: float
    keeper_lock: int
    program_lock: int | None
    adopted: int | None

    def to_json(self) -> str:
        """Write for the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Orders":
        """Read from the command line."""
        return cls(**json.loads(text))

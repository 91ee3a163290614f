"""What a keeper is told by whoever starts it; JSON on its command line."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Orders:
    """One program to keep; locks are open descriptors that the keeper inherits.

    Without a program lock the program runs already, as process `adopted`.
    """

    folder: str
    argv: list[str]
    stop_signals: list[int]
    stop_seconds: float
    grace_seconds: float
    keeper_lock: int
    program_lock: int | None
    adopted: int | None = None

    def path(self, name: str) -> Path:
        """A file in the program's folder."""
        return Path(self.folder, name)

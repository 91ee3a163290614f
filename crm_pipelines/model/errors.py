"""Errors, named for what the caller must do. Their text is for people and says what to do."""

from __future__ import annotations

from datetime import datetime


class CrmError(Exception):
    """Anything that went wrong on the way from or to a CRM."""


class RetriableError(CrmError):
    """Worth sending again. ``wait`` is the number of seconds the CRM asked for, if it did."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class NotApplied(RetriableError):
    """Turned away before anything was done: even a write may be sent again."""


class OutcomeUnknown(CrmError):
    """A write got no answer that tells whether it was applied: look before sending it again."""


class LoginExpired(CrmError):
    """The session is gone: log in again, once, and repeat."""


class FatalError(CrmError):
    """Sending it again cannot help: something must be changed first."""


class BadCredentials(FatalError):
    """The CRM does not accept our login."""


class InvalidData(FatalError):
    """The CRM refuses the values; ``fields`` names those it complains of, where it says so."""

    def __init__(self, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class Blocked(FatalError):
    """The CRM has shut this account out: nothing more is sent for it for a long while."""


class CircuitOpen(CrmError):
    """Too much went wrong in a row: the CRM is left alone until ``until`` (aware)."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Unreachable(NotApplied):
    """Nothing answers at the CRM's address; nothing was sent."""


class Truncated(RetriableError):
    """The answer is not whole: cut, short, or not what its own header promised."""


class TooWide(FatalError):
    """The CRM gives up on a question that is too large: ask for less, or in another way."""


class GoneError(FatalError):
    """What was asked for does not exist any more (a job, a locator): begin that part anew."""


class DailyLimit(CrmError):
    """The CRM refuses for the rest of the day (``wait`` seconds, if it says so)."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class BudgetSpent(CrmError):
    """The day's budget is used up; the flow pauses and goes on at ``resumes_at`` (aware)."""

    def __init__(self, message: str, resumes_at: datetime) -> None:
        super().__init__(message)
        self.resumes_at = resumes_at


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names it and what to set. Nothing was sent."""


class SystemTrouble(Exception):
    """The ground we stand on gave way (database gone, disk full): stop at once, resumable."""

"""What becomes of deliveries whose records could not be asked for: by the kind of trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm_pipelines.flows.inbox.batches import Trouble
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    BudgetSpent,
    CircuitOpen,
    ConfigurationError,
    CrmError,
    FatalError,
    LoginExpired,
    Truncated,
)

SHORT, LOGIN = timedelta(seconds=10), timedelta(minutes=10)
"""Until a CRM answers again, and until somebody has mended a login."""

_LOGIN_TROUBLES = (BadCredentials, Blocked, ConfigurationError, LoginExpired)


def judge(error: CrmError | ConfigurationError) -> Trouble:
    """Only what lies in the record itself uses up attempts: nothing else is its fault."""
    words = str(error).strip() or type(error).__name__
    if isinstance(error, BudgetSpent):
        return Trouble(words, error.resumes_at)
    if isinstance(error, CircuitOpen):
        return Trouble(words, error.until)
    now = datetime.now(UTC)
    if isinstance(error, _LOGIN_TROUBLES):
        return Trouble(words, now + LOGIN)
    if isinstance(error, FatalError):
        return Trouble(words)
    return Trouble(words, now + SHORT)


def lies_in_record(error: CrmError | ConfigurationError) -> bool:
    """Whether asking for the others alone may help."""
    return isinstance(error, FatalError | Truncated) and not isinstance(error, _LOGIN_TROUBLES)

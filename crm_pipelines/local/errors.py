"""The one error that the local programs raise: it says what happened and what to do."""

import errno


class LocalProgramError(RuntimeError):
    """A local program (database, sandbox) cannot be used; the message names the way out."""


def explain_os_error(error: OSError, doing: str) -> LocalProgramError:
    """Turn an operating-system error met while `doing` something into words with advice."""
    advice = _ADVICE.get(error.errno or 0, "")
    return LocalProgramError(f"Cannot {doing}: {error}.{advice}")


_NO_LOCKS = " Its file system has no file locks: set CRM_HOME to a folder on a local disk."
_NOT_OURS = " Run as the user who owns the folder, or set CRM_HOME to a folder of your own."
_ADVICE = {
    errno.ENOSPC: " The disk is full: free some space and try again.",
    errno.EDQUOT: " Your disk quota is used up: free some space and try again.",
    errno.EROFS: " The disk is read-only: set CRM_HOME to a folder that can be written.",
    errno.EACCES: _NOT_OURS,
    errno.EPERM: _NOT_OURS,
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOTSUP: _NO_LOCKS,
}

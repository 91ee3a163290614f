"""The one error that the local programs raise: it says what happened and what to do."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from crm_pipelines.local.program import LOG

KEEPER_LOG = "keeper.log"
LOG_LINES = 15
LOW_DISK_BYTES = 64_000_000


class LocalProgramError(RuntimeError):
    """A local program (database, sandbox) cannot be used; the message names the way out."""


def log_sizes(folder: Path) -> dict[str, int]:
    """How long a program's logs are, to tell later what is new in them."""
    paths = [folder / LOG, folder / KEEPER_LOG]
    return {path.name: path.stat().st_size if path.exists() else 0 for path in paths}


def program_error(
    folder: Path, what: str, since: Mapping[str, int] | None = None
) -> LocalProgramError:
    """Say what is wrong with a program, with a hint on the disk and the end of its logs.

    `since` has the sizes of the logs before: only what came later is shown.
    """
    parts = [f"The local {folder.name} {what}."]
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < LOW_DISK_BYTES:
        parts.append(f"The disk of {folder} is full, {free:,} bytes are left: free some space.")
    for name in (LOG, KEEPER_LOG):
        if lines := _last_lines(folder / name, (since or {}).get(name, 0)):
            parts.append("\n".join([f"The end of {folder / name}:", *lines]))
    return LocalProgramError("\n".join(parts))


def system_error(error: OSError, doing: str) -> LocalProgramError:
    """Turn an operating-system error met while doing something into words with advice."""
    advice = _ADVICE.get(error.errno or 0, "")
    return LocalProgramError(f"Cannot {doing}: {error}.{advice}")


_NO_LOCKS = " Its file system has no file locks: set CRM_HOME to a folder on a local disk."
_NOT_OURS = " Run as the user who owns the folder, or set CRM_HOME to a folder of your own."
_ADVICE = {
    errno.ENOSPC: " The disk is full: free some space and try again.",
    errno.EDQUOT: " Your disk quota is used up: free some space and try again.",
    errno.EROFS: " The disk is read-only: set CRM_HOME to a folder that can be written.",
    errno.ENOTDIR: " Something that is no folder is in the way: move it, or set CRM_HOME.",
    errno.EEXIST: " Something that is no folder is in the way: move it, or set CRM_HOME.",
    errno.EACCES: _NOT_OURS,
    errno.EPERM: _NOT_OURS,
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOTSUP: _NO_LOCKS,
}


def _last_lines(path: Path, since: int) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(since, path.stat().st_size - 8_000))
        return file.read().decode(errors="replace").splitlines()[-LOG_LINES:]

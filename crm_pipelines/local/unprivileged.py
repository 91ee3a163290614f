"""Giving up root, which PostgreSQL refuses to run as, without touching any folder's rights.

An unprivileged user may be unable to walk to the files it needs: a home under `/root`, a
`mktemp -d` folder. Rather than opening such folders to everybody, the process keeps one
capability over the change of user, the weakest that will do, and its children inherit it.
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ACCOUNTS = ("postgres", "nobody")

# Numbers from linux/capability.h and linux/prctl.h.
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Account:
    """A user and group by number."""

    user: int
    group: int


class UnreachableError(Exception):
    """The unprivileged user cannot get at a file; the message is the file's path."""


def pick_account(owned: Path) -> Account:
    """The user for work on a folder: its owner, or if that is root, a well-known nobody."""
    info = owned.stat()
    if info.st_uid != 0:
        return Account(info.st_uid, info.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LookupError(f"there is none of the users {', '.join(ACCOUNTS)} to run as")


def become(account: Account, needed: Iterable[Path]) -> None:
    """Change this process for good to an ordinary user who can read all files `needed`.

    Call it from a process with one thread. Raises UnreachableError if the user cannot read
    one of them and the system does not grant the capability for it.
    """
    needed = list(needed)
    linux = sys.platform == "linux"
    if linux:
        _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(account.group)
    os.setuid(account.user)
    missing = _first_unreadable(needed)
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE) if linux else ():
        if missing is not None and _keep_only(capability):
            missing = _first_unreadable(needed)
    if missing is not None:
        raise UnreachableError(str(missing))


def _first_unreadable(paths: Iterable[Path]) -> Path | None:
    for path in paths:
        try:
            if path.is_dir():
                os.scandir(path).close()
            else:
                path.open("rb").close()
                # Running a file needs an execute bit even where reading it is granted.
        except PermissionError:
            return path
    return None


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def _keep_only(capability: int) -> bool:
    """Hold this one capability and hand it down to children; False if it is not ours to hold."""
    return False


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")

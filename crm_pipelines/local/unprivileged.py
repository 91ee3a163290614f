"""Giving up root, which PostgreSQL refuses to run as, without touching any folder's rights.

An unprivileged user may be unable to walk to the files it needs: a home under `/root`, a
folder from `mktemp -d`. Rather than opening such folders to everybody, the process keeps one
capability over the change of user, the weakest that will do, and hands it to its children.
"""

import os
import pwd
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crm_pipelines.local import capabilities

NAMES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user and group by number."""

    user: int
    group: int


class UnreachableError(Exception):
    """The unprivileged user cannot get at a file; the message is the file's path."""


def pick_account(folder: Path) -> Account:
    """Whom to run as for work on a folder: its owner, or if that is root, a well-known nobody."""
    info = folder.stat()
    if info.st_uid != 0:
        return Account(info.st_uid, info.st_gid)
    for name in NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise LookupError(f"there is none of the users {', '.join(NAMES)} to run as")


def become(account: Account, needed: Iterable[Path]) -> None:
    """Change this process for good to an ordinary user who can use all files `needed`.

    Call it from a process with one thread. Raises UnreachableError if a file is out of reach
    and the system does not grant the capability for it.
    """
    linux = sys.platform == "linux"
    if linux:
        capabilities.keep_over_change_of_user()
    os.setgroups([])
    os.setgid(account.group)
    os.setuid(account.user)
    needed = list(needed)
    missing = _first_out_of_reach(needed, account)
    for capability in capabilities.BY_STRENGTH if linux and missing else ():
        if capabilities.hold_only(capability):
            missing = _first_out_of_reach(needed, account, capability)
        if missing is None:
            return
    if missing is not None:
        raise UnreachableError(str(missing))


def _first_out_of_reach(
    paths: Iterable[Path], account: Account, capability: int | None = None
) -> Path | None:
    any_bit = capability == capabilities.DAC_OVERRIDE
    for path in paths:
        try:
            mode = path.stat()
            if stat.S_ISDIR(mode.st_mode):
                os.scandir(path).close()
            else:
                path.open("rb").close()
                if mode.st_mode & 0o111 and not any_bit and not _may_run(mode, account):
                    return path
        except PermissionError:
            return path
    return None


def _may_run(info: os.stat_result, account: Account) -> bool:
    """Whether the mode lets the user run a file; the right to read all files doesn't."""
    if info.st_uid == account.user:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == account.group:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)

"""Opening accounts as separate programs do: each with objects of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.sandbox_process import Sandbox

LOGINS = ("/oauth/token", "/services/oauth2/token", "/services/Soap/u/64.0")


def introduce(values: Mapping[str, str], crm: str, workspace: str = "default") -> str:
    """Who we are there, asked by a program that starts, asks and ends."""
    with closing(Wiring(values)) as wiring:
        return ask(wiring, crm, workspace)


def ask(wiring: Wiring, crm: str, workspace: str = "default") -> str:
    """The same of a program that runs."""
    account = wiring.account(workspace, crm)
    purse = wiring.budget.purse(workspace, crm, "test", account.limits)
    with closing(account.open(purse)) as source:
        who = source.introduce()
        source.probe(account.streams[0], sample=False)  # some may not ask who they are
        return who


def actions(values: Mapping[str, str]) -> list[str]:
    """What the audit log tells of credentials, oldest first, uses left out."""
    with closing(Wiring(values)) as wiring:
        lines = wiring.audit.latest(100, action="credential")
    found = [line["action"].partition(".")[2] for line in reversed(lines)]
    return [action for action in found if action not in ("use", "first_use")]


def asked(sandbox: Sandbox) -> tuple[int, int]:
    """How often somebody logged in, and how many answers were 401."""
    entries = sandbox.journal()
    logins = sum(entry["path"] in LOGINS for entry in entries)
    return logins, sum(entry["status"] == 401 for entry in entries)


def main() -> None:
    """A process that says who it is at the CRM that its first argument names."""
    import sys

    from crm_pipelines.settings import environment

    sys.stdin.readline()  # all start at once
    sys.stdout.write(introduce(environment(), sys.argv[1]))


if __name__ == "__main__":
    main()

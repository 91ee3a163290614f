"""Making ``CRM_HOME`` ready: a database, the sandbox where no account is set, Dagster's folder.

What is started is shared by every process of this home and ends when the last one has gone. The
variables that say where it is are put into this process's environment, for Dagster and for the
programs we start.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from crm_pipelines import connectors, settings
from crm_pipelines.local import (
    LocalProgramError,
    Program,
    ensure_running,
    look_in,
    ports_answer,
    start_postgres,
)
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.settings import Settings
from crm_pipelines.store.database import Database
from crm_pipelines.store.migrations import migrate
from crm_pipelines.wiring import Wiring

_PACKAGED = Path(__file__).parent / "dagster.yaml"
_CHECKOUT = Path(__file__).parents[1] / "dagster.yaml"
DAGSTER_YAML = _PACKAGED if _PACKAGED.exists() else _CHECKOUT
WORKSPACE_YAML = DAGSTER_YAML.with_name("workspace.yaml")


@dataclass(frozen=True)
class Home:
    """What was made ready. ``sandbox_url`` is set when the CRMs are simulated ones."""

    wiring: Wiring
    database_is_embedded: bool
    sandbox_url: str | None

    @property
    def psql(self) -> str:
        """A command line that opens the database, without showing its password."""
        if not self.database_is_embedded:
            return 'psql "$CRM_DATABASE_URL"'
        url = urlsplit(self.wiring.database.url)
        password = self.wiring.settings.home_path / "postgres" / "data" / "password"
        return (
            f"PGPASSWORD=$(cat {shlex.quote(str(password))}) psql -h {url.hostname} "
            f"-p {url.port} -U {url.username} {url.path.lstrip('/')}"
        )


@contextmanager
def ready() -> Iterator[Home]:
    """The environment, complete; raises ``ConfigurationError`` before anything is sent."""
    values = settings.environment()
    own = settings.read(Settings, source=values)
    with ExitStack() as stack:
        embedded = not own.database_url
        if embedded:
            values["CRM_DATABASE_URL"] = _embedded_database(own, stack)
        sandbox_url = None
        if not _any_account(values, own):
            sandbox_url = _sandbox(own, stack)
            for connector in connectors.discover().values():
                values.update(connector.sandbox(sandbox_url))
        values.update(_dagster_variables(own, values["CRM_DATABASE_URL"]))
        os.environ.update(values)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it doubles the start of every run
        wiring = Wiring(values)
        stack.callback(wiring.close)
        wiring.keys.ready()  # made here, where people see the notice
        yield Home(wiring, embedded, sandbox_url)


def bring_up_to_date(database: Database) -> list[str]:
    """Apply migrations; returns their names."""
    return migrate(database)


def _embedded_database(own: Settings, stack: ExitStack) -> str:
    try:
        return stack.enter_context(start_postgres(own.home_path)).url
    except LocalProgramError as error:
        raise ConfigurationError(f"the embedded PostgreSQL cannot be had: {error}") from error


def _any_account(values: Mapping[str, str], own: Settings) -> bool:
    configured = [
        connector.configured(settings.read(connector.settings, workspace, values))
        for workspace in own.workspaces
        for connector in connectors.discover().values()
    ]
    # every one was asked, so that one that is only half set is named
    return any(configured)


def _sandbox(own: Settings, stack: ExitStack) -> str:
    """The simulated CRMs as a program of this home; its URL."""
    folder = own.home_path / "sandbox"
    program = Program(
        name="sandbox",
        argv=(
            *(sys.executable, "-m", "crm_pipelines.sandbox"),
            *("--home", str(folder / "data"), "--ready-file", str(folder / "ready.json")),
        ),
        look=look_in("ready.json"),
        answers=lambda found: ports_answer({"ports": {"http": urlsplit(found["http"]).port}}),
    )
    try:
        running = stack.enter_context(ensure_running(own.home_path, program))
    except LocalProgramError as error:
        raise ConfigurationError(f"the sandbox cannot be had: {error}") from error
    url: str = json.loads((folder / "ready.json").read_text())["http"] or running.details["http"]
    return url


def _dagster_variables(own: Settings, database_url: str) -> dict[str, str]:
    """Dagster's folder with its configuration, and its storage in a schema of our database."""
    folder = own.home_path / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    copy, wanted = folder / "dagster.yaml", DAGSTER_YAML.read_text()
    if not copy.exists() or copy.read_text() != wanted:
        copy.write_text(wanted)
    rest = database_url.partition("://")[2]
    joint = "&" if "?" in rest else "?"
    # Dagster commits every event of a run by itself; the last moment of a run's log is not worth
    # the wait for the disk. Our own data keeps it.
    options = quote("-csearch_path=dagster -csynchronous_commit=off", safe="")
    return {
        "DAGSTER_HOME": str(folder),
        "CRM_DAGSTER_DATABASE_URL": f"postgresql+psycopg2://{rest}{joint}options={options}",
        # Sensors wait in threads of the code server, which has few where processors are few: a run
        # to be started must not wait for one.
        "DAGSTER_GRPC_MAX_WORKERS": "24",
    }

"""``crm-pipelines``: one subcommand per file; errors become one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import typer
from rich.console import Console

from crm_pipelines.cli import (
    api_keys,
    audit,
    auth,
    budget,
    check,
    demo_data,
    dev,
    gateway,
    inbox,
    keys,
    migrate,
    outbox,
    rejected,
    sandbox,
    stages,
    sync,
    webhooks,
)
from crm_pipelines.cli.exits import Exit
from crm_pipelines.model.errors import ConfigurationError, CrmError, SystemTrouble

app = typer.Typer(
    name="crm-pipelines",
    help="CRMs and PostgreSQL kept in step.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)
for command in (
    sync,
    check,
    budget,
    rejected,
    migrate,
    dev,
    gateway,
    inbox,
    webhooks,
    sandbox,
    auth,
    keys,
    audit,
    api_keys,
    outbox,
    stages,
    demo_data,
):
    command.register(app)


def main() -> None:
    """The entry point."""
    try:
        app()
    except ConfigurationError as error:
        _say(f"Configuration: {error}")
        sys.exit(Exit.WRONG_USE)
    except (CrmError, SystemTrouble) as error:
        _say(str(error))
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        _say("Stopped. Run the same command again to go on where it was.")
        sys.exit(130)
    except Exception as error:
        _say(f"Unexpected: {type(error).__name__}: {error}{_keep_details()}")
        sys.exit(Exit.FAILED)


def _keep_details() -> str:
    """The stack goes to a file, for whoever is asked for help; says where."""
    path = Path(os.environ.get("CRM_HOME") or ".crm") / "last-error.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(traceback.format_exc())
    except OSError:
        return f"\n{traceback.format_exc()}"
    return f" (the details are in {path})"


def _say(words: str) -> None:
    Console(stderr=True, soft_wrap=True).print(words, style="red", markup=False, highlight=False)


if __name__ == "__main__":
    main()

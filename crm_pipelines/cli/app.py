"""``crm-pipelines``: one subcommand per file; errors become one line and an exit code."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from crm_pipelines.cli import check, dev, gateway, migrate, sandbox, sync
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
for command in (sync, check, migrate, dev, gateway, sandbox):
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


def _say(words: str) -> None:
    Console(stderr=True, soft_wrap=True).print(words, style="red", markup=False, highlight=False)


if __name__ == "__main__":
    main()

"""``crm-pipelines keys``: the keys that seal stored logins."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from crm_pipelines import home
from crm_pipelines.model.audit import Entry
from crm_pipelines.store.credentials import Slot
from crm_pipelines.vault.keys import VARIABLE, make_key


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(
        name="keys", help="The keys that seal stored logins: new, rotate.", no_args_is_help=True
    )
    keys.command(name="new", epilog="Example: crm-pipelines keys new")(new)
    keys.command(
        name="rotate",
        epilog="Example: crm-pipelines keys new && crm-pipelines keys rotate",
    )(rotate)
    app.add_typer(keys)


def new() -> None:
    """Make a key that will seal from now on; `keys rotate` then re-seals what is stored.

    The key goes to the file in CRM_HOME. Where CRM_ENCRYPTION_KEYS is set, it is printed
    instead, for you to put in front of the others.
    """
    console = Console(soft_wrap=True)
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        keys = ready.wiring.keys
        key = keys.add() if keys.in_file else make_key()
        made = Entry("key.new", after={"key": key.id})
        ready.wiring.audit.note(made)
        if keys.in_file:
            console.print(f"Key {key.id} now seals ({keys.path}).", highlight=False)
            console.print("Next: crm-pipelines keys rotate", highlight=False)
            return
    typer.echo(key.text)
    Console(stderr=True, soft_wrap=True).print(
        f"Put it in front of the keys in {VARIABLE}, with a comma behind it, wherever programs of "
        "this database run. Then: crm-pipelines keys rotate",
        highlight=False,
    )


def rotate(
    forget_unreadable: Annotated[
        bool,
        typer.Option(
            "--forget-unreadable", help="Drop what no key opens; those logins are made anew."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was done, as JSON.")] = False,
) -> None:
    """Seal every stored login with the newest key, all or none. Older keys may go afterwards."""
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        done = ready.wiring.vault.rotate(forget_unreadable=forget_unreadable)
    groups = {"resealed": done.resealed, "fresh": done.fresh, "forgotten": done.forgotten}
    if as_json:
        found = {name: [_words(slot) for slot in slots] for name, slots in groups.items()}
        typer.echo(json.dumps({"key": done.key_id, **found}, indent=2))
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{len(done.resealed)} sealed anew with key {done.key_id}, {len(done.fresh)} had it "
        f"already, {len(done.forgotten)} forgotten."
    )
    for slot in done.forgotten:
        console.print(f"forgotten: {_words(slot)}")
    console.print(
        "Older keys are not needed any more, once programs that run now were started again."
    )


def _words(slot: Slot) -> str:
    return f"{slot.workspace}/{slot.crm}/{slot.kind}"

"""``python -m crm_pipelines.sandbox``: simulated CRMs in a process of their own."""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from crm_pipelines.sandbox.server import bind, serve
from crm_pipelines.sandbox.world import Sizes, World


class Refused(Exception):
    """The sandbox cannot start as asked; the message says what to change."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Exit code 2: it could not start, and the message says why."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        _claim(options.home, stack)
        listeners = {"http": _listen(options.host, options.port, "--port", stack)}
        if options.tls_port is not None:
            listeners["https"] = _listen(options.host, options.tls_port, "--tls-port", stack)
        sizes = {field.name: getattr(options, field.name) for field in dataclasses.fields(Sizes)}
        world = World(options.home, options.seed, Sizes(**sizes), options.latency_ms)
        stack.callback(world.database.close)
        serve(world, listeners, options.ready_file, on_ready=_announce)


def _announce(facts: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _claim(home: Path, stack: ExitStack) -> None:
    """One sandbox to a home, or two would answer from one database."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((home / "sandbox.lock").open("w"))
    except OSError as error:
        raise Refused(f"cannot use {home} for the sandbox: {error}; choose --home") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Refused(f"a sandbox already runs in {home}; stop it or choose --home") from error


def _listen(host: str, port: int, option: str, stack: ExitStack) -> Any:
    try:
        return stack.enter_context(bind(host, port))
    except OSError as error:
        raise Refused(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            f"choose another with {option} (0 takes a free one) or --host"
        ) from error


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _port(text: str) -> int:
    number = _count(text)
    if number > 65535:
        raise argparse.ArgumentTypeError("ports end at 65535")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m crm_pipelines.sandbox",
        description="Simulated CRMs over HTTP. Prints one line of JSON with its URLs when ready.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--home", type=Path, required=True, help="folder for its files")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=0, help="0 takes a free one")
    parser.add_argument("--tls-port", type=_port, default=None, help="serve https there as well")
    parser.add_argument("--ready-file", type=Path, help="gets the same JSON as standard output")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same records")
    parser.add_argument("--latency-ms", type=_count, default=0, help="wait before every answer")
    for field in dataclasses.fields(Sizes):
        parser.add_argument(
            f"--{field.name}",
            type=_count,
            default=field.default,
            metavar="N",
            help=f"{field.name} an empty sandbox starts with",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())

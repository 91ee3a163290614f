"""A program that syncs one stream, made to be killed: ``driver STREAM KEY RUN OPTIONS [HOLD]``.

``OPTIONS`` are those of a sync, as JSON. ``HOLD`` is ``PHASE:NUMBER``: the program stops for good
when the phase says something for that time (for fetch, 1 is the start, 2 the first page). What
phases say goes to standard output, a line each; the last line is the outcome, or the error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from dataclasses import asdict

import msgspec

from crm_pipelines.model.errors import CrmError, SystemTrouble
from crm_pipelines.model.window import Options
from crm_pipelines.wiring import Wiring


def main(name: str, key: str, run: str, options: str, hold: str = "") -> int:
    """One whole run, phase by phase, as the Dagster shell drives it."""
    said: Counter[str] = Counter()

    def progress(phase: str, words: str) -> None:
        said[phase] += 1
        if f"{phase}:{said[phase]}" == hold:
            _say("held", phase)
            while True:
                signal.pause()
        _say(phase, words)

    crm, _, stream = name.partition(".")
    wiring = Wiring(os.environ)
    try:
        flow = wiring.mirror("default", crm, stream, progress)
        wanted = msgspec.convert(json.loads(options), Options)
        fetched = flow.fetch(wanted, None, key=key, run=run)
        ready = flow.validate(flow.transform(fetched, run=run), run=run)
        outcome, done = flow.upsert(ready, run=run)
        _say("outcome", json.dumps({**asdict(outcome), "resumed": done.notes["resumed"]}))
    except (CrmError, SystemTrouble) as error:
        _say(type(error).__name__, str(error))
        return 1
    finally:
        wiring.close()
    return 0


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

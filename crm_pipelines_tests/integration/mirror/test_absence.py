"""Lists that leave records out: what the CRM still has never gets a tombstone."""

from __future__ import annotations

import pytest

from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

NAME = "pipedrive.persons"


def _shorten(sandbox: Sandbox) -> None:
    fault = {"system": "pipedrive", "kind": "short_page", "path": "/api/v2/persons", "times": 1}
    sandbox.admin("POST", "/faults", fault)


def test_a_list_that_leaves_records_out_buries_nothing(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror(NAME)
    before = mirror.rows(NAME)
    _shorten(sandbox)
    with pytest.raises(Truncated, match="left out records"):
        mirror.fetch(NAME, mode=Mode.FULL, key="a run")
    assert mirror.rows(NAME) == before
    assert mirror.history(NAME)[-1]["status"] == "failed"
    outcome = mirror(NAME, mode=Mode.FULL, key="a run")
    assert outcome.unchanged == len(before)
    assert differences(sandbox, mirror, NAME) == {}


def test_what_is_gone_costs_one_call_to_confirm(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror(NAME)
    ids = list(mirror.rows(NAME))
    for identity in ids[:7]:
        sandbox.admin("DELETE", f"/pipedrive/records/persons/{identity}")
    outcome = mirror(NAME, mode=Mode.FULL)
    assert (outcome.deleted, outcome.api_calls, outcome.tokens) == (7, 2, 20)
    outcome = mirror(NAME, mode=Mode.FULL)
    assert (outcome.deleted, outcome.api_calls, outcome.tokens) == (0, 1, 10)


@pytest.mark.parametrize("name", ["pipedrive.stages", "pipedrive.notes", "salesforce.contacts"])
def test_other_streams_bury_what_is_gone(sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
    collection = {"pipedrive.stages": "stages", "pipedrive.notes": "notes"}.get(name, "Contact")
    crm = name.partition(".")[0]
    mirror(name, mode=Mode.FULL)
    gone = next(iter(mirror.rows(name)))
    sandbox.admin("DELETE", f"/{crm}/records/{collection}/{gone}")
    mirror(name, mode=Mode.FULL)
    assert gone not in mirror.rows(name)
    assert gone in mirror.rows(name, deleted=True)

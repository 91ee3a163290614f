"""What becomes of records that look wrong: kept or rejected, and seen in history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crm_pipelines.model.errors import CrmError
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

PERSONS, CONTACTS = "pipedrive.persons", "salesforce.contacts"
STRICT = {"CRM_VALIDATION": f"{PERSONS}=strict,{CONTACTS}=strict"}
Make = Callable[..., Mirroring]


def spoil_person(sandbox: Sandbox, identity: int = 7) -> None:
    emails = [{"value": "nowhere", "primary": True, "label": "work"}]
    sandbox.admin("PATCH", f"/pipedrive/records/persons/{identity}", {"emails": emails})


def rejected(mirror: Mirroring) -> dict[str, Any]:
    found = mirror.query("SELECT record_id, reasons FROM sync.rejected_records")
    return {row["record_id"]: row["reasons"] for row in found}


def test_lenient_keeps_the_value_and_warns(
    sandbox: Sandbox, mirror: Mirroring, caplog: pytest.LogCaptureFixture
) -> None:
    spoil_person(sandbox)
    with caplog.at_level("INFO"):
        outcome = mirror(PERSONS)
    assert (outcome.rejected, outcome.created) == (0, 30)
    assert mirror.rows(PERSONS)[7]["email"] == "nowhere"
    assert mirror.notes["warnings"]["email: not an e-mail address"] == 1
    told = [record.getMessage() for record in caplog.records]
    assert "Starting pipedrive persons sync with 30 records" in told
    assert (
        "Validation warning for field 'email' with value 'nowhere' (Record: id=7): "
        "not an e-mail address"
    ) in told
    assert "Completed pipedrive persons sync: 30 created, 0 updated, 0 failed" in told


def test_strict_rejects_the_record_until_it_is_mended(sandbox: Sandbox, mirroring: Make) -> None:
    mirror = mirroring(CRM_VALIDATION=f"{PERSONS}=strict")
    lenient_first = mirroring()
    lenient_first(PERSONS)
    before = mirror.rows(PERSONS)[7]
    spoil_person(sandbox)
    outcome = mirror(PERSONS)
    assert outcome.rejected >= 1
    assert mirror.rows(PERSONS)[7] == before
    assert rejected(mirror)["7"] == {"email": "not an e-mail address"}
    assert mirror.notes["rejected_by_reason"]["email: not an e-mail address"] == 1
    assert mirror.history(PERSONS)[-1]["status"] == "partial"
    sandbox.admin(
        "PATCH",
        "/pipedrive/records/persons/7",
        {"emails": [], "phones": [{"value": "+1 651 555 0101", "primary": True, "label": "work"}]},
    )
    mirror(PERSONS)
    assert "7" not in rejected(mirror)
    assert mirror.rows(PERSONS)[7]["phone"] == "+1 651 555 0101"


def test_strict_lets_deletions_through(sandbox: Sandbox, mirroring: Make) -> None:
    """A record that would be rejected is deleted in the CRM: the tombstone must be set."""
    mirroring()(CONTACTS)
    strict = mirroring(CRM_VALIDATION="strict")
    contact = sandbox.truth("salesforce", "Contact")[0]["Id"]
    path = f"/salesforce/records/Contact/{contact}"
    sandbox.admin("PATCH", path, {"Email": None, "Phone": "n/a", "MobilePhone": "n/a"})
    assert strict(CONTACTS).rejected >= 1
    assert contact in rejected(strict)
    sandbox.admin("DELETE", path)
    assert strict(CONTACTS).deleted == 1
    assert contact not in strict.rows(CONTACTS)
    assert contact not in rejected(strict)


def test_a_rejected_record_that_is_gone_is_forgotten(sandbox: Sandbox, mirroring: Make) -> None:
    mirror = mirroring(CRM_VALIDATION="strict")
    spoil_person(sandbox)
    mirror(PERSONS, mode=Mode.FULL)
    assert "7" in rejected(mirror)
    sandbox.admin("DELETE", "/pipedrive/records/persons/7")
    mirror(PERSONS, mode=Mode.FULL)
    assert "7" not in rejected(mirror)


def test_the_sandbox_is_mostly_right(mirror: Mirroring) -> None:
    """Phones of many countries and spellings: only what is none is warned of."""
    mirror(PERSONS)
    assert not [name for name in mirror.notes["warnings"] if name.startswith(("phone", "email"))]
    mirror(CONTACTS)
    phones = [row["phone"] for row in mirror.rows(CONTACTS).values()]
    assert mirror.notes["warnings"].get("phone: not a phone number", 0) == phones.count("n/a")


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_rows_that_postgresql_refuses_stand_alone(mirror: Mirroring, mode: Mode) -> None:
    mirror(PERSONS)
    mirror.query("DELETE FROM pipedrive.persons")
    mirror.query("DELETE FROM sync.watermarks")
    mirror.query("ALTER TABLE pipedrive.persons ADD CHECK (id NOT IN (3, 11, 12))")
    outcome = mirror(PERSONS, mode=mode)
    assert (outcome.created, outcome.rejected, outcome.deleted) == (27, 3, 0)
    assert set(mirror.rows(PERSONS)) == set(range(1, 31)) - {3, 11, 12}
    found = rejected(mirror)
    assert set(found) == {"3", "11", "12"}
    assert "23514" in found["3"]["*"]
    line = mirror.history(PERSONS)[-1]
    assert (line["status"], line["rejected"]) == ("partial", 3)
    assert list(line["metrics"]["rejected_by_reason"].values()) == [3]
    mirror.query("ALTER TABLE pipedrive.persons DROP CONSTRAINT persons_id_check")
    mirror(PERSONS, mode=Mode.FULL)
    assert rejected(mirror) == {}
    assert len(mirror.rows(PERSONS)) == 30


def test_a_value_that_is_too_long_for_an_index_is_refused_alone(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    mirror(PERSONS)
    words = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(5_000))
    emails = [{"value": words, "primary": True, "label": "work"}]
    sandbox.admin("PATCH", "/pipedrive/records/persons/7", {"emails": emails})
    outcome = mirror(PERSONS)
    assert outcome.rejected == 1
    assert set(rejected(mirror)) == {"7"}


def test_every_run_has_its_figures(mirror: Mirroring) -> None:
    outcome = mirror(PERSONS, batch_size=10)
    metrics = mirror.history(PERSONS)[-1]["metrics"]
    assert metrics["records_per_api_call"] == round(30 / outcome.api_calls, 2)
    assert (metrics["success_rate"], metrics["error_rate"]) == (1.0, 0.0)
    assert metrics["records_per_second"] > 0
    assert metrics["peak_memory_mb"] > 0
    phases = [metrics[f"{phase}_seconds"] for phase in ("fetch", "transform", "validate")]
    assert metrics["seconds"] >= sum(phases)


def test_runs_that_break_off_have_theirs_too(sandbox: Sandbox, mirroring: Make) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": 25})
    mirror = mirroring(PIPEDRIVE_DAILY_TOKENS="25")
    with pytest.raises(CrmError):
        mirror(PERSONS, batch_size=10)
    paused = mirror.history(PERSONS)[-1]
    calls = paused["api_calls"]
    assert paused["status"] == "paused"
    assert 0 < calls < 3
    assert (paused["processed"], paused["tokens"]) == (10 * calls, 10 * calls)
    assert paused["metrics"]["records_per_api_call"] == 10.0
    assert paused["metrics"]["success_rate"] == 0.0


def test_a_failed_run_says_what_it_cost(sandbox: Sandbox, mirror: Mirroring) -> None:
    sandbox.fault("html_403", path="/api/v2/persons", after=1, times=0)
    with pytest.raises(CrmError):
        mirror(PERSONS, batch_size=10)
    failed = mirror.history(PERSONS)[-1]
    assert (failed["status"], failed["processed"]) == ("failed", 10)
    assert (failed["api_calls"], failed["tokens"]) == (2, 20)
    assert failed["metrics"]["peak_memory_mb"] > 0

"""Any text, null and empty value, written over whatever was there, comes to what it should."""

from __future__ import annotations

import os

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crm_pipelines_tests.integration.ingest.writers import Writer, fates, truth
from crm_pipelines_tests.sandbox_process import Sandbox

MORE = int(os.environ.get("CRM_TEST_TEXTS", "1"))
FIELDS = ("FirstName", "Title", "Department", "Description")
AWKWARD = st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", "\r", " ", '" ', ' "', "#N/A ", "\ufeff", "\x00"]
)
TEXT = (
    st.none()
    | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.lists(AWKWARD | st.text("ab", max_size=2), max_size=6).map("".join)
)
ROW = st.fixed_dictionaries(dict.fromkeys(FIELDS, TEXT))
SCHEMA = pa.schema([(name, pa.string()) for name in ("External_Id__c", "LastName", *FIELDS)])


@settings(
    deadline=None,
    max_examples=10 * MORE,
    phases=[Phase.explicit, Phase.generate],  # a smaller example would cost as many jobs again
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(ROW, min_size=1, max_size=40))
def test_any_text(sandbox: Sandbox, write: Writer, rows: list[dict[str, str | None]]) -> None:
    keys = [f"T-{number}" for number in range(len(rows))]
    before = truth(sandbox)
    given_rows = [
        {"External_Id__c": key, "LastName": "Name", **row}
        for key, row in zip(keys, rows, strict=True)
    ]
    told = fates(write(pa.Table.from_pylist(given_rows, SCHEMA)))
    there = truth(sandbox)
    for key, row in zip(keys, rows, strict=True):
        if "#N/A" in row.values():
            assert told[key] == "refused"
            continue
        assert told[key] == ("updated" if key in before else "created")
        old = before.get(key, {})
        for name, text in row.items():
            # Salesforce stores no blanks at the ends, and no empty text
            wanted = old.get(name) if text == "" else (text or "").strip() or None
            assert there[key][name] == wanted, (key, name, text)

"""What is said of columns can be heard again; a merge of three, field by field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.flows.inbox.news import Known, compare, names_of, storable
from crm_pipelines.flows.push.hearing import Refused
from crm_pipelines.flows.push.plain_text import to_html, to_plain
from crm_pipelines.flows.push.rules import PushRules
from crm_pipelines.flows.push.words import WORDS
from crm_pipelines.model.command import Entity

TYPES = PushRules.model_validate({}).types
CONTACT = {
    "id": "c",
    "name": "Ada",
    "email": "a@example.com",
    "phone": None,
    "organization_id": "o",
    "user_id": "u",
    "user_remote_id": 2,
    "organization_remote_id": 7,
    "pipedrive_org_id": 7,
}
PERSON = {
    "name": "Ada",
    "email": ["a@example.com"],
    "phone": [],
    "org_id": 7,
    "owner_id": 2,
    "label_ids": [3],
}
KNOWN = Known({Entity.ORGANIZATION: {7: "o", 8: "p"}}, {2: "u", 3: "v"})
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))


def news(record: dict[str, Any], before: Any = PERSON, ours: Any = (), **row: Any) -> Any:
    return compare(
        Entity.PERSON, {**CONTACT, **row}, {**PERSON, **record}, before, ours, KNOWN, TYPES
    )


@given(TEXTS)
def test_plain_texts_come_back_from_html(text: str) -> None:
    assert to_plain(to_html(text)) == text


@given(st.text())
def test_any_html_can_be_read(text: str) -> None:
    assert isinstance(to_plain(text), str)


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ("<p>One</p>\n<p>two <b>three</b></p>", "One\ntwo three"),
        ("a<br/>b&nbsp;c", "a\nb\xa0c"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("<style>p {}</style><script>x()</script>seen", "seen"),
        ("<div>  much \n  space </div>", "much space"),
        ("1 &lt; 2 &amp;amp; <", "1 < 2 &amp; <"),
    ],
)
def test_what_a_reader_sees_of_a_note(html: str, plain: str) -> None:
    assert to_plain(html) == plain


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
        lambda at: at.replace(microsecond=0)
    )
)
def test_times_come_back(at: datetime) -> None:
    words, at = WORDS[Entity.ACTIVITY], at.replace(tzinfo=UTC)
    said = {name: words[name].say(at) for name in ("due_date", "due_time")}
    hear = words["due_date"].hear
    assert hear is not None and datetime.fromisoformat(hear(said)) == at


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=2))
def test_amounts_come_back(amount: Decimal) -> None:
    word = WORDS[Entity.DEAL]["value"]
    assert word.hear is not None
    assert Decimal(word.hear({"value": word.say(amount)})) == amount


@pytest.mark.parametrize(
    ("entity", "record"),
    [
        (Entity.PERSON, {"name": " "}),
        (Entity.PERSON, {"name": None}),
        (Entity.DEAL, {"currency": "EURO"}),
        (Entity.DEAL, {"status": "deleted"}),
        (Entity.DEAL, {"stage_id": 0}),
        (Entity.DEAL, {"stage_id": 2**63}),
        (Entity.DEAL, {"value": float("nan")}),
        (Entity.DEAL, {"value": "much"}),
        (Entity.ACTIVITY, {"due_date": "2026-02-30"}),
        (Entity.ACTIVITY, {"due_date": "2026-02-20", "due_time": "25:00"}),
        (Entity.ACTIVITY, {"duration": "-1:00"}),
    ],
)
def test_what_a_column_cannot_hold_is_refused(entity: Entity, record: dict[str, Any]) -> None:
    hear = WORDS[entity][next(iter(record))].hear
    assert hear is not None
    with pytest.raises(Refused):
        hear(record)


def test_nothing_is_news_where_nothing_was_changed() -> None:
    """Whatever the row says: nobody over there has touched it."""
    found = news({}, name="Other", phone="1", email=None)
    assert found.changes == {} and found.said["name"] == "Ada"


def test_what_was_changed_over_there_is_news() -> None:
    found = news({"name": "Grace", "phone": ["1", "2"], "org_id": 8, "owner_id": 3})
    assert found.changes == {
        "name": "Grace",
        "phone": "1",
        "organization_id": "p",
        "pipedrive_org_id": 8,
        "user_id": "v",
    }


def test_fields_of_a_command_of_ours_are_left_to_it() -> None:
    found = news({"name": "Grace", "phone": ["1"]}, ours={"name"})
    assert found.changes == {"phone": "1"} and found.said["name"] == "Ada"


def test_what_is_cleared_over_there_is_cleared_here() -> None:
    found = news({"email": [], "org_id": None})
    assert found.changes == {"email": None, "organization_id": None, "pipedrive_org_id": None}


def test_unknown_references_are_left_alone() -> None:
    found = news({"org_id": 99, "owner_id": 99})
    assert found.changes == {"pipedrive_org_id": 99}


def test_another_spelling_is_no_news() -> None:
    assert news({"name": "Ada ", "email": ["A@EXAMPLE.com"]}).changes == {}


def test_local_types_that_mean_the_same_are_kept() -> None:
    row = {
        "type": "LINKEDIN",
        "subject": "s",
        "note": None,
        "due_at": None,
        "done": False,
        "duration": timedelta(minutes=5),
        "contact_id": None,
        "contact_remote_id": None,
        "deal_id": None,
        "deal_remote_id": None,
        "user_id": None,
        "user_remote_id": None,
    }

    def heard(remote: str) -> Any:
        return compare(Entity.ACTIVITY, row, {"type": remote}, {"type": "old"}, (), Known(), TYPES)

    assert heard("task").changes == {}
    assert heard("call").changes == {"type": "CALL"}
    assert heard("lunch").changes == {"type": "lunch"}
    assert "means another type" in heard("linkedin").refused["type"]


def test_columns_and_their_fields() -> None:
    assert names_of(Entity.ACTIVITY, ["due_at", "contact_id", "user_id"]) == {
        *("due_date", "due_time", "person_id", "owner_id"),
    }


def test_what_postgresql_cannot_store_is_left_out() -> None:
    assert storable(["a\0b", {"x": 1}, "\ud800"]) == ["ab", {"x": 1}, "?"]

"""Whether a person is in the CRM already: told by the e-mail address."""

from __future__ import annotations

from collections.abc import Iterable

from crm_pipelines.flows.push.acquaintances import key_of
from crm_pipelines.flows.push.outcome import Undecided
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.model.command import Entity
from crm_pipelines.model.sink import Found, Sink

SEVERAL = "several persons have this e-mail"


def find_person(round_: Round, sink: Sink, one: Prepared) -> Found | None:
    """Whoever has exactly this address: first as other contacts are linked, then in the CRM.

    Raises ``Undecided`` where there are several.
    """
    if one.email is None:
        return None
    found = _alive(sink, _linked(round_, one, one.email))
    found = found or _there(round_, sink, one.email)
    if len(found) > 1:
        raise Undecided(
            "several_persons",
            f"{SEVERAL} ({one.email}): {', '.join(str(each.remote_id) for each in found)}",
            dict(one.values),
            {str(each.remote_id): dict(each.values) for each in found},
        )
    return found[0] if found else None


def _linked(round_: Round, one: Prepared, email: str) -> list[int]:
    rows = round_.database.run(
        "push.linked_by_email",
        {"workspace": round_.workspace, "email": email, "local_id": one.command.local_id},
    )
    return [row["remote_id"] for row in rows]


def _there(round_: Round, sink: Sink, email: str) -> list[Found]:
    known = round_.known.get(Entity.PERSON)
    if known is None:
        return sorted(sink.find_persons(email), key=lambda found: found.remote_id)
    wanted = key_of(email)
    return [
        found
        for found in _alive(sink, known.get(wanted, ()))
        if wanted in (key_of(address) for address in found.values.get("email") or ())
    ]


def _alive(sink: Sink, ids: Iterable[int]) -> list[Found]:
    found = (sink.read(Entity.PERSON, identity) for identity in sorted(ids))
    return [one for one in found if one is not None]

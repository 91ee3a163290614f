"""v2 operations on field definitions and their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive import marker
from crm_pipelines.sandbox.pipedrive.company import Company
from crm_pipelines.sandbox.pipedrive.features import missing
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success
from crm_pipelines.sandbox.pipedrive.parameters import PAGE, Reader, choices
from crm_pipelines.sandbox.pipedrive.refusals import forbidden, invalid, not_found
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.pipedrive.values import listed, one_of, shape, text, whole

PATHS = {
    "personFields": "persons",
    "organizationFields": "organizations",
    "dealFields": "deals",
    "productFields": "products",
    "activityFields": "activities",
}
"""Path and the collection whose fields it lists."""

CREATABLE = (
    "varchar",
    "varchar_auto",
    "text",
    "double",
    "monetary",
    "enum",
    "set",
    "user",
    "org",
    "people",
    "phone",
    "date",
    "daterange",
    "time",
    "timerange",
    "address",
)
MOST_OPTIONS = 10_000

SETTINGS = ("ui_visibility", "important_fields", "required_fields")
EXTRAS: dict[str, Reader] = {"include_fields": choices(*SETTINGS)}


def _object(value: Any, _: Company) -> Any:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


settings = dict.fromkeys(SETTINGS, _object)
label = shape({"label": text(255, empty=False)}, {})
field_body = shape(
    {"field_name": text(255, empty=False), "field_type": one_of(*CREATABLE)},
    {"options": listed(label, empty=False), **settings},
)
rename_body = shape({}, {"field_name": text(255, empty=False), **settings})
added_options = listed(label, empty=False)
changed_options = listed(shape({"id": whole, "label": text(255, empty=False)}, {}), empty=False)
removed_options = listed(shape({"id": whole}, {}), empty=False)

Answer = Callable[[Call], Response]


def operations() -> Iterator[Operation]:
    """Fields of the five entities; those of activities cannot be changed."""
    for path, collection in PATHS.items():
        query = {**EXTRAS, **PAGE}
        yield Operation("GET", f"/{path}", "fields", _lister(path, collection), query)
        one = f"/{path}/{{code}}"
        yield Operation("GET", one, "field", _getter(collection), EXTRAS)
        if collection == "activities":
            continue
        yield Operation("POST", f"/{path}", "create", _creator(collection))
        yield Operation("PATCH", one, "update", _renamer(collection))
        yield Operation("DELETE", one, "delete", _remover(collection))
        options = f"{one}/options"
        yield Operation("POST", options, "create", _option_adder(collection))
        yield Operation("PATCH", options, "update", _option_changer(collection))
        yield Operation("DELETE", options, "delete", _option_remover(collection))


def _lister(path: str, collection: str) -> Answer:
    def answer(call: Call) -> Response:
        bound_to = marker.fingerprint(path, call.query)
        after = marker.read(call.query["cursor"], bound_to)[1] if "cursor" in call.query else 0
        size = call.query.get("limit", 100)
        rest = [(n, f) for n, f in _numbered(call, collection) if n > after]
        page = rest[:size]
        following = None
        if len(rest) > size:
            last = page[-1][0]
            following = marker.write(bound_to, "id", descending=False, value=last, identity=last)
        shown = [_shown(call, field) for _, field in page]
        return success(shown, additional_data={"next_cursor": following})

    return answer


def _numbered(call: Call, collection: str) -> list[tuple[int, Record]]:
    every, absent = call.company.fields.numbered(collection), missing(call.company, collection)
    return [(number, field) for number, field in every if field["field_code"] not in absent]


def _shown(call: Call, field: Record) -> Record:
    """With the settings that ``include_fields`` asks for, and without the others."""
    wanted = call.query.get("include_fields", ())
    shown = {key: value for key, value in field.items() if key not in SETTINGS}
    return {**shown, **{name: field.get(name) or {} for name in wanted}}


def _getter(collection: str) -> Answer:
    return lambda call: success(_shown(call, _find(call, collection)))


def _find(call: Call, collection: str) -> Record:
    field = call.company.fields.get(collection, call.path["code"])
    if field is None or field["field_code"] in missing(call.company, collection):
        raise not_found("Field")
    return field


def _read(call: Call, check: Any) -> Any:
    try:
        return check(call.body, call.company)
    except ValueError as error:
        raise invalid(f"the body {error}") from None


def _creator(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        given = _read(call, field_body)
        kind, options = given["field_type"], given.get("options")
        if (kind in ("enum", "set")) != (options is not None):
            raise invalid('"options" belong to the types enum and set, and are required there')
        names = None if options is None else [one["label"] for one in options]
        now = call.company.clock.now()
        fields = call.company.fields
        field = fields.create(collection, given["field_name"], kind, names, now)
        fields.put(collection, [{**field, **{key: given[key] for key in given if key in SETTINGS}}])
        return success(_shown(call, field))

    return answer


def _renamer(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        field, given = _own(call, collection), _read(call, rename_body)
        if not given:
            raise invalid("the body must have at least 1 key")
        call.company.fields.put(collection, [{**field, **given}])
        return success(_shown(call, {**field, **given}))

    return answer


def _own(call: Call, collection: str) -> Record:
    field = _find(call, collection)
    if not field["is_custom_field"]:
        raise forbidden("System fields cannot be changed", "ERR_SYSTEM_FIELD")
    return field


def _remover(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        field = _own(call, collection)
        call.company.fields.remove(collection, field["field_code"])
        return success(_shown(call, field))

    return answer


def _with_options(call: Call, collection: str) -> Record:
    field = _find(call, collection)
    if field["field_type"] not in ("enum", "set") or not field["options"]:
        raise invalid("the field has no options that can be changed")
    return field


def _option_adder(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        field, given = _with_options(call, collection), _read(call, added_options)
        if len(field["options"]) + len(given) > MOST_OPTIONS:
            raise invalid(f"a field has no more than {MOST_OPTIONS} options")
        fields = call.company.fields
        added = fields.new_options([one["label"] for one in given], call.company.clock.now())
        fields.put(collection, [{**field, "options": [*field["options"], *added]}])
        return success(_named(added), additional_data=None)

    return answer


def _option_changer(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        field, given = _with_options(call, collection), _read(call, changed_options)
        names = {one["id"]: one["label"] for one in given}
        _require_options(field, set(names))
        now = call.company.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        for option in field["options"]:
            if option["id"] in names:
                option.update(label=names[option["id"]], update_time=now)
        call.company.fields.put(collection, [field])
        changed = [option for option in field["options"] if option["id"] in names]
        return success(_named(changed), additional_data=None)

    return answer


def _option_remover(collection: str) -> Answer:
    def answer(call: Call) -> Response:
        field, given = _with_options(call, collection), _read(call, removed_options)
        gone = {one["id"] for one in given}
        _require_options(field, gone)
        removed = [option for option in field["options"] if option["id"] in gone]
        field["options"] = [option for option in field["options"] if option["id"] not in gone]
        call.company.fields.put(collection, [field])
        return success(_named(removed), additional_data=None)

    return answer


def _named(options: list[Record]) -> list[Record]:
    return [{"id": option["id"], "label": option["label"]} for option in options]


def _require_options(field: Record, ids: set[Any]) -> None:
    unknown = ids - {option["id"] for option in field["options"]}
    if unknown:
        raise invalid(f"the field has no option {sorted(unknown)[0]}")

"""Which values of a column are not of the kind their field is declared as."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from crm_pipelines.model.rules import CHECKS
from crm_pipelines.phases.checks import places
from crm_pipelines.phases.checks.verdicts import VERDICTS, is_phone

_ASCII_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_\-]*[A-Za-z0-9])?"
COMMON = {
    "url": rf"^(?:https?://)?(?:{_ASCII_LABEL}\.)+[A-Za-z]{{2,}}(?::\d{{1,5}})?(?:[/?#]\S*)?$",
}
"""Part of what ``Check.right`` says, where that takes ten times as long: letters of all scripts."""

_INTERNATIONAL = r"^\s*\+[\d\s().\-/]*$"
_SHAPE_DIGITS = 4
"""What a number's length depends on: its country's code and the digit behind it."""


def misfits(values: pa.Array, check: str, country: pa.Array | None = None) -> pa.Array | None:
    """A mask of values that fail the check; ``None`` when all pass.

    Null and blank are no values, so they pass. Typed columns hold what they say; a number that
    is a record's id is positive.
    """
    if not pa.types.is_string(values.type):
        odd = check == "object_id" and pa.types.is_integer(values.type)
        return _any(pc.less_equal(values, 0)) if odd else None
    if check in places.PLACES:
        return _any(places.misfits(values, check, country))
    wrong = _unsettled(values, check)
    if len(wrong) and not CHECKS[check].whole:
        judge = _phones if check == "phone" else _one_by_one(VERDICTS[check])
        wrong = judge(wrong)
    return pc.is_in(values, value_set=wrong) if len(wrong) else None


def _unsettled(values: pa.Array, check: str) -> pa.Array:
    """The distinct values that no pattern says are right."""
    for right in filter(None, (COMMON.get(check), CHECKS[check].right)):
        fits = pc.match_substring_regex(values, right)
        if pc.all(fits).as_py() is not False:
            return values.slice(0, 0)
        values = values.filter(pc.invert(fits)).unique()
    return values.filter(pc.not_equal(pc.utf8_trim_whitespace(values), ""))


def _any(mask: pa.Array) -> pa.Array | None:
    mask = pc.fill_null(mask, False)
    return mask if pc.any(mask).as_py() else None


def _one_by_one(judge: Callable[[str], bool]) -> Callable[[pa.Array], pa.Array]:
    return lambda values: pa.array([v for v in values.to_pylist() if not judge(v)], values.type)


def _phones(values: pa.Array) -> pa.Array:
    """The wrong ones of distinct values.

    Of the international ones of the same country and length the library sees one; only where it
    does not like that one, it sees them all.
    """
    plain = pc.match_substring_regex(values, _INTERNATIONAL)
    international = values.filter(plain)
    digits = pc.replace_substring_regex(international, r"\D", "")
    prefix = pc.utf8_slice_codeunits(digits, 0, _SHAPE_DIGITS)
    length = pc.cast(pc.utf8_length(digits), pa.string())
    shapes = pc.binary_join_element_wise(prefix, length, ":")
    distinct = shapes.unique()
    seen = digits.take(pc.index_in(distinct, value_set=shapes))
    doubtful = [
        shape
        for shape, of in zip(distinct.to_pylist(), seen.to_pylist(), strict=True)
        if not is_phone(f"+{of}")
    ]
    again = pc.is_in(shapes, value_set=pa.array(doubtful, pa.string()))
    rest = [*values.filter(pc.invert(plain)).to_pylist(), *international.filter(again).to_pylist()]
    return pa.array([value for value in rest if not is_phone(value)], values.type)

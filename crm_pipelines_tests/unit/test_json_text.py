"""Mending JSON without decoding it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.model.json_text import mend_surrogates, strip_nul

ALPHABET = st.sampled_from(
    ["\\", "\0", "u0000", "a", '"', "\U0001f600", "\ud83d", "\ude00", "ud83d"]
)
words = st.lists(ALPHABET, max_size=10).map("".join)


@given(words)
def test_nul_is_taken_out_and_nothing_else(text: str) -> None:
    assert strip_nul(json.dumps(text)) == json.dumps(text.replace("\0", ""))


def _paired(text: str) -> str:
    """Halves that stand side by side are one character, as every JSON decoder reads them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@given(words)
def test_halves_of_characters_are_replaced_and_nothing_else(text: str) -> None:
    mended: Any = json.loads(mend_surrogates(json.dumps(text).encode()))
    assert len(mended) == len(_paired(text))
    assert mended.replace("�", "") == _paired(text).replace("�", "")


@pytest.mark.parametrize(
    ("raw", "mended"),
    [
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uDE00\uD83D"', rb'"\ufffd\ufffd"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
    ],
)
def test_surrogates(raw: bytes, mended: bytes) -> None:
    assert mend_surrogates(raw) == mended

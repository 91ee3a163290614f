"""What the browser brings back, pasted by hand."""

from __future__ import annotations

import pytest

from crm_pipelines.cli.callback import read_answer
from crm_pipelines.model.errors import BadCredentials

BACK = "http://127.0.0.1:8910/callback"


@pytest.mark.parametrize(
    "pasted",
    [
        f"{BACK}?code=abc&state=ours",
        f"  {BACK}?state=ours&code=abc\n",
        "?code=abc&state=ours",
        "code=abc&state=ours",
        "abc",
        "abc\n",
    ],
)
def test_the_code_is_found(pasted: str) -> None:
    assert read_answer(pasted, "ours") == "abc"


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "nothing was pasted"),
        ("   \n", "nothing was pasted"),
        (f"{BACK}?code=abc", "state is not ours"),
        (f"{BACK}?code=abc&state=ourz", "state is not ours"),
        (f"{BACK}?code=abc&state=öurs", "state is not ours"),
        (f"{BACK}?state=ours", "no code"),
        (f"{BACK}?error=user_denied&state=ours", "user_denied"),
        (f"{BACK}?error=%1b%5b2Jx", r"\[2Jx"),
    ],
)
def test_anything_else_is_refused(pasted: str, words: str) -> None:
    with pytest.raises(BadCredentials, match=words) as caught:
        read_answer(pasted, "ours")
    assert "\x1b" not in str(caught.value)

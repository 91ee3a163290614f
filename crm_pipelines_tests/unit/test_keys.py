"""Keys that seal: where they come from, who may read them, and two makers at once."""

from __future__ import annotations

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.tokens import SealedByOthers, Tokens, fingerprint
from crm_pipelines.store.credentials import Slot
from crm_pipelines.vault.keys import Keys, make_key
from crm_pipelines.vault.sealing import seal, unseal

KEY = "zEWGhN4-HRE2TxDBvoumbnhhKAA3FeNhjQvU4wH5qUY="
SLOT = Slot("acme", "pipedrive", "tokens")


def test_made_once_for_the_owner_alone_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = Keys("", tmp_path / "home")
    assert keys.read() == []
    with caplog.at_level(logging.WARNING):
        made = keys.ready()
        assert keys.ready() == made
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert [str(keys.path) in record.getMessage() for record in caplog.records] == [True]
    assert made[0].text not in caplog.text
    assert made[0].text not in repr(made)


def test_many_makers_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: Keys("", tmp_path / "home").ready(), range(64)))
    assert len({key.text for keys in found for key in keys}) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["encryption_keys"]


def test_a_new_key_seals_and_old_ones_open(tmp_path: Path) -> None:
    keys = Keys("", tmp_path)
    old = seal(keys.ready(), SLOT, "secret")
    added = keys.add()
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert keys.read()[0] == added
    assert unseal(keys.read(), SLOT, old) == "secret"
    assert seal(keys.read(), SLOT, "secret").key_id == added.id


def test_the_variable_wins_over_the_file(tmp_path: Path) -> None:
    Keys("", tmp_path).ready()
    first, second = make_key(), make_key()
    assert Keys(f"{first.text}, {second.text}", tmp_path).ready() == [first, second]


@pytest.mark.parametrize("wrong", ["tooshort", "x" * 44, "é" * 44, f"{KEY},nonsense"])
def test_what_is_no_key_is_named_not_shown(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"CRM_ENCRYPTION_KEYS: key \d of \d") as caught:
        Keys(wrong, tmp_path).ready()
    assert all(part not in str(caught.value) for part in wrong.split(","))


def test_an_emptied_file_is_not_silently_replaced(tmp_path: Path) -> None:
    keys = Keys("", tmp_path)
    keys.ready()
    keys.path.write_text("# nothing\n")
    with pytest.raises(ConfigurationError, match="holds no key"):
        keys.ready()


def test_an_unknown_key_and_a_copied_row_do_not_open(tmp_path: Path) -> None:
    ours, theirs = [make_key()], [make_key()]
    sealed = seal(theirs, SLOT, {"access_token": "secret"})
    with pytest.raises(SealedByOthers, match=theirs[0].id) as caught:
        unseal(ours, SLOT, sealed)
    assert ours[0].id in str(caught.value)
    assert "keys rotate --forget-unreadable" in str(caught.value)
    with pytest.raises(SealedByOthers, match="acme/pipedrive/tokens"):
        unseal(theirs, Slot("globex", "pipedrive", "tokens"), sealed)


def test_tokens_hide_themselves() -> None:
    tokens = Tokens("access", "refresh", address="https://acme.example.com", made_with="print")
    assert "https://acme.example.com" in repr(tokens)
    assert all(word not in repr(tokens) for word in ("'access'", "'refresh'", "'print'"))


def test_fingerprints_tell_where_parts_end() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint("a") == fingerprint("a")
    assert "secret" not in fingerprint("secret")

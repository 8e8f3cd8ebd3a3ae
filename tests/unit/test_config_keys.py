"""The key ring of a configuration: each unusable secret is named, and none is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtcsplit.cli.config import HintKeysSection
from rtcsplit.cli.keys import minting_keys, routing_keys
from rtcsplit.errors import ConfigurationError
from rtcsplit.routing.hint import Route

S1 = bytes(range(32)).hex()
S2 = bytes(range(255, 223, -1)).hex()
ROUTE = Route(1, 2)


def test_one_secret_mints_and_all_open() -> None:
    old = minting_keys(HintKeysSection(mint=1, secrets={"1": S1}))
    new = minting_keys(HintKeysSection(mint=15, secrets={"1": S1, "15": S2.upper()}))
    for ring in (old, new):
        opened = new.open(ring.mint(ROUTE, bytes(5)))
        assert opened is not None
        assert opened.route == ROUTE


def test_file_holds_the_same_two_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f'mint = 1\n[secrets]\n1 = "{S1}"\n')
    assert minting_keys(HintKeysSection(file=path)).mint(ROUTE, bytes.fromhex("0102030405")).startswith("Ece")


MISTAKES = {
    "id above 15": (HintKeysSection(mint=1, secrets={"1": S1, "16": S2}), "hint_keys.secrets"),
    "id that is a word": (HintKeysSection(mint=1, secrets={"1": S1, "new": S2}), "hint_keys.secrets"),
    "63 digits": (HintKeysSection(mint=1, secrets={"1": S1[1:]}), "hint_keys.secrets.1"),
    "65 digits": (HintKeysSection(mint=1, secrets={"1": S1 + "0"}), "hint_keys.secrets.1"),
    "not hex": (HintKeysSection(mint=1, secrets={"1": S1[:-1] + "g"}), "hint_keys.secrets.1"),
    "spaces between": (HintKeysSection(mint=1, secrets={"1": S1[:-3] + " 00"}), "hint_keys.secrets.1"),
    "equal secrets": (HintKeysSection(mint=1, secrets={"1": S1, "2": S1.upper()}), "hint_keys.secrets.2"),
    "minting id without a secret": (HintKeysSection(mint=2, secrets={"1": S1}), "hint_keys.mint"),
    "no minting id": (HintKeysSection(secrets={"1": S1}), "hint_keys.mint"),
    "nothing": (HintKeysSection(), "hint_keys.mint"),
}


@pytest.mark.parametrize(("section", "key"), MISTAKES.values(), ids=MISTAKES)
def test_unusable_key_ring_is_named_and_shows_no_secret(section: HintKeysSection, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        minting_keys(section)
    assert caught.value.key == key
    assert all(secret[:-4] not in str(caught.value) for secret in section.secrets.values())


def test_relay_needs_no_minting_id_but_a_secret() -> None:
    routing_keys(HintKeysSection(secrets={"1": S1}))
    with pytest.raises(ConfigurationError) as caught:
        routing_keys(HintKeysSection())
    assert caught.value.key == "hint_keys.secrets"


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (None, "hint_keys.file"),
        ("mint = ", "hint_keys.file"),
        ("mint = 1", "hint_keys.mint"),
        ('mint = 1\nsecret.1 = "00"', "hint_keys.secret"),
    ],
    ids=["absent", "syntax", "no secrets", "unknown key"],
)
def test_unusable_key_file_is_named(tmp_path: Path, content: str | None, key: str) -> None:
    path = tmp_path / "keys.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        minting_keys(HintKeysSection(file=path))
    assert caught.value.key == key


def test_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.mkdir()
    with pytest.raises(ConfigurationError) as caught:
        routing_keys(HintKeysSection(file=path))
    assert caught.value.key == "hint_keys.file"

"""``rtcsplit hint``: hints are made from a configuration, explained, and refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rtcsplit.cli.main import main

SECRET = bytes(range(32)).hex()
KEYS = f'[hint_keys]\nmint = 1\nsecrets.1 = "{SECRET}"\n'
TRANSCEIVER = """
[transceiver]
cluster = 1
id = 2
listen = "10.0.0.9:5000"
advertise = ["203.0.113.10:3478"]
relay_networks = ["10.0.0.0/8"]
"""
RELAY = """
[relay]
listen = "0.0.0.0:3478"
upstream = "10.0.0.5:40000"
directory = "directory.toml"
"""
DIRECTORY = """
[[transceiver]]
cluster = 1
id = 2
address = "10.0.0.9:5000"
state = "draining"
"""
VECTOR = "EceMMyQBAgMEBQhiKJ1mhcEw"  # cluster 1, transceiver 2, nonce 0102030405


@pytest.fixture
def transceiver(tmp_path: Path) -> Path:
    path = tmp_path / "transceiver.toml"
    path.write_text(TRANSCEIVER + KEYS)
    return path


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    path = tmp_path / "relay.toml"
    path.write_text(RELAY + KEYS)
    return path


def rtcsplit(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_minted_hint_opens_to_the_transceivers_own_ids(transceiver: Path) -> None:
    minted = rtcsplit("hint", "mint", "--config", transceiver)
    assert minted.exit_code == 0
    opened = rtcsplit("hint", "open", "--config", transceiver, minted.stdout.strip())
    assert opened.exit_code == 0
    assert opened.stdout.startswith("cluster=1 transceiver=2 key=1 nonce=")


def test_ids_may_be_given_instead(relay: Path) -> None:
    minted = rtcsplit("hint", "mint", "--config", relay, "--cluster", 3, "--transceiver", 4)
    opened = rtcsplit("hint", "open", "--config", relay, minted.stdout.strip())
    assert opened.stdout.splitlines()[0].startswith("cluster=3 transceiver=4 ")
    assert opened.stdout.splitlines()[1] == "not in the directory"


def test_relay_configuration_alone_names_no_transceiver(relay: Path) -> None:
    assert rtcsplit("hint", "mint", "--config", relay).exit_code == 2


@pytest.mark.parametrize("text", [VECTOR, f"{VECTOR}:client"], ids=["ufrag", "USERNAME"])
def test_open_shows_where_the_relay_would_send_it(relay: Path, text: str) -> None:
    opened = rtcsplit("hint", "open", "--config", relay, text)
    assert opened.stdout.splitlines() == [
        "cluster=1 transceiver=2 key=1 nonce=0102030405",
        "address=10.0.0.9:5000 state=draining",
    ]


CLOSED = {
    "short": (VECTOR[:-1], "24 characters"),
    "other alphabet": (VECTOR[:-1] + "-", "base64"),
    "not ASCII": (VECTOR[:-1] + "é", "base64"),
    "no hint": ("AceMMyQBAgMEBQhiKJ1mhcEw", "version"),
    "unknown key": ("GqbPKtWgscLT5MyAF6PvU1jV", "key 10"),
    "changed": (VECTOR[:-1] + "x", "tag"),
}


@pytest.mark.parametrize(("text", "reason"), CLOSED.values(), ids=CLOSED)
def test_hint_that_does_not_open_is_explained(relay: Path, text: str, reason: str) -> None:
    result = rtcsplit("hint", "open", "--config", relay, text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_new_secret_is_usable_and_different_each_time(tmp_path: Path) -> None:
    first, second = (rtcsplit("hint", "secret").stdout.strip() for _ in range(2))
    assert first != second
    path = tmp_path / "transceiver.toml"
    path.write_text(TRANSCEIVER + f'[hint_keys]\nmint = 0\nsecrets = {{ 0 = "{first}", 15 = "{second}" }}\n')
    assert rtcsplit("hint", "mint", "--config", path).exit_code == 0


def test_directory_that_cannot_be_read_is_named(relay: Path) -> None:
    (relay.parent / "directory.toml").unlink()
    result = rtcsplit("hint", "open", "--config", relay, VECTOR)
    assert result.exit_code == 2
    assert "relay.directory" in result.stderr


def test_directory_that_is_not_toml_is_named(relay: Path) -> None:
    (relay.parent / "directory.toml").write_text("[[transceiver")
    result = rtcsplit("hint", "open", "--config", relay, VECTOR)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "directory.toml" in result.stderr

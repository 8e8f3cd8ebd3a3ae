"""The directory: routes to addresses, as a value and as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtcsplit.errors import ConfigurationError, UsageError
from rtcsplit.routing.directory import Directory, DirectoryEntry, EntryState
from rtcsplit.routing.hint import Route
from rtcsplit.wire.address import Address

A, B, C = (Address.of(f"10.0.0.{n}", 5000) for n in (1, 2, 3))
ACTIVE = DirectoryEntry(Route(1, 1), A)
DRAINING = DirectoryEntry(Route(1, 2), B, EntryState.DRAINING)
DEAD = DirectoryEntry(Route(2, 1), C, EntryState.DEAD)

TEXT = """
[[transceiver]]
cluster = 1
id = 1
address = "10.0.0.1:5000"

[[transceiver]]
cluster = 1
id = 2
address = "10.0.0.2:5000"
state = "draining"

[[transceiver]]
cluster = 2
id = 1
address = "10.0.0.3:5000"
state = "dead"
"""


def test_lookup_by_route_and_by_address() -> None:
    directory = Directory([ACTIVE, DRAINING, DEAD])
    assert [directory.lookup(entry.route) for entry in directory.entries] == [ACTIVE, DRAINING, DEAD]
    assert directory.lookup(Route(9, 9)) is None
    assert [directory.lookup_address(address) for address in (A, B, C)] == [ACTIVE, DRAINING, None]
    assert directory.active() == (ACTIVE,)
    assert [entry.is_routed for entry in directory.entries] == [True, True, False]


def test_directories_are_values() -> None:
    assert Directory([ACTIVE]) == Directory((ACTIVE,))
    assert hash(Directory([ACTIVE])) == hash(Directory([ACTIVE]))
    assert Directory([ACTIVE]) != Directory([DRAINING])
    assert Directory() != ()


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([ACTIVE, ACTIVE._replace(address=B)], id="route twice"),
        pytest.param([ACTIVE, ACTIVE._replace(route=Route(3, 3))], id="address twice"),
        pytest.param([ACTIVE._replace(address=Address.of("10.0.0.1", 0))], id="port 0"),
        pytest.param([ACTIVE._replace(address=Address.of("0.0.0.0", 1))], id="unspecified"),
        pytest.param([ACTIVE._replace(address=Address.of("ff02::1", 1))], id="multicast"),
    ],
)
def test_inconsistent_entries_are_refused(entries: list[DirectoryEntry]) -> None:
    with pytest.raises(UsageError):
        Directory(entries)


def test_address_of_a_dead_transceiver_may_be_used_again() -> None:
    dead = ACTIVE._replace(route=Route(3, 3), state=EntryState.DEAD)
    assert Directory([dead, ACTIVE]).lookup_address(A) == ACTIVE


def test_file_and_text_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "directory.toml"
    path.write_text(TEXT)
    assert Directory.from_file(path) == Directory.from_toml(TEXT) == Directory([ACTIVE, DRAINING, DEAD])
    assert Directory.from_toml("") == Directory()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        pytest.param("id = 1", "", "transceiver[0].id", id="no id"),
        pytest.param("cluster = 1", "cluster = 65536", "transceiver[0].cluster", id="id too large"),
        pytest.param("cluster = 1", "cluster = -1", "transceiver[0].cluster", id="negative id"),
        pytest.param("cluster = 1", "cluster = true", "transceiver[0].cluster", id="boolean id"),
        pytest.param("cluster = 1", 'cluster = "1"', "transceiver[0].cluster", id="id as text"),
        pytest.param("10.0.0.1:5000", "transceiver.local:5000", "transceiver[0].address", id="name"),
        pytest.param("10.0.0.1:5000", "10.0.0.1", "transceiver[0].address", id="no port"),
        pytest.param("10.0.0.1:5000", "10.0.0.1:0", "transceiver[0].address", id="port 0"),
        pytest.param('address = "10.0.0.1:5000"', "", "transceiver[0].address", id="no address"),
        pytest.param('"draining"', '"drained"', "transceiver[1].state", id="unknown state"),
        pytest.param('"draining"', "1", "transceiver[1].state", id="state as number"),
        pytest.param('"draining"', "[]", "transceiver[1].state", id="state as list"),
        pytest.param("state =", "status =", "transceiver[1].status", id="unknown key"),
        pytest.param("10.0.0.2", "10.0.0.1", "transceiver", id="address twice"),
        pytest.param("[[transceiver]]", "[[relay]]", "relay", id="unknown table"),
        pytest.param("[[transceiver]]", "[[transceiver", "directory", id="no TOML"),
    ],
)
def test_unusable_text_names_the_key(old: str, new: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Directory.from_toml(TEXT.replace(old, new, 1))
    assert caught.value.key == key


@pytest.mark.parametrize("text", ["transceiver = 1", "[transceiver]\nid = 1", "transceiver = [1]"])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Directory.from_toml(text)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    for path in (tmp_path, tmp_path / "absent.toml", tmp_path / "latin.toml"):
        with pytest.raises(ConfigurationError) as caught:
            Directory.from_file(path)
        assert caught.value.value == str(path)

"""The directory: routes to addresses, as a value and as a file."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from rtcsplit.errors import ConfigurationError, UsageError
from rtcsplit.routing.directory import Cluster, Directory, DirectoryEntry, EntryState
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


def test_a_directory_is_what_its_text_says() -> None:
    """Of every field: what a relay holds for the process that comes after it is this text."""
    clusters = [Cluster(7, (Address.of("10.7.0.1", 4000), Address.of("fd00::7", 4000)))]
    directory = Directory([ACTIVE._replace(trunk=True), DRAINING, DEAD], clusters)
    assert Directory.from_toml(directory.to_toml()) == directory


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
        pytest.param('state = "draining"', "trunk = 1", "transceiver[1].trunk", id="trunk as number"),
        pytest.param("state =", "status =", "transceiver[1].status", id="unknown key"),
        pytest.param("10.0.0.2", "10.0.0.1", "transceiver", id="address twice"),
        pytest.param("[[transceiver]]", "[[relay]]", "relay", id="unknown table"),
        pytest.param("[[transceiver]]", "[[transceiver", "directory", id="no TOML"),
        pytest.param("[[transceiver]]", "x = " + "[" * 20_000, "directory", id="TOML without end"),
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


CLUSTERS = """
[[transceiver]]
cluster = 1
id = 1
address = "10.0.0.1:5000"

[[cluster]]
id = 2
relays = ["10.1.0.1:4000", "[fd00::1]:4000"]
"""
RELAYS = (Address.of("10.1.0.1", 4000), Address.of("fd00::1", 4000))


def test_a_cluster_has_relays_instead_of_transceivers() -> None:
    directory = Directory.from_toml(CLUSTERS)
    assert directory == Directory([ACTIVE], [Cluster(2, RELAYS)])
    assert hash(directory) == hash(Directory([ACTIVE], [Cluster(2, RELAYS)]))
    assert directory != Directory([ACTIVE])
    assert directory.addresses() == (A, *RELAYS)
    assert directory.outside([ip_network("10.0.0.0/8")]) == RELAYS[1:]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        pytest.param("id = 2", "id = 65536", "cluster[0].id", id="id too large"),
        pytest.param("id = 2", "id = 1", "cluster", id="transceivers besides"),
        pytest.param("id = 2", "cluster = 2", "cluster[0].cluster", id="unknown key"),
        pytest.param("10.1.0.1:4000", "relay.local:4000", "cluster[0].relays", id="name"),
        pytest.param("10.1.0.1:4000", "10.0.0.1:5000", "cluster", id="address of a transceiver"),
        pytest.param("10.1.0.1:4000", "[fd00::1]:4000", "cluster", id="address twice"),
        pytest.param('["10.1.0.1:4000", "[fd00::1]:4000"]', "[]", "cluster[0].relays", id="no relays"),
        pytest.param('["10.1.0.1:4000", "[fd00::1]:4000"]', '"10.1.0.1:4000"', "cluster[0].relays", id="no list"),
        pytest.param("[[cluster]]\nid = 2", "[cluster]\nid = 2", "cluster", id="no array"),
    ],
)
def test_unusable_clusters_name_the_key(old: str, new: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Directory.from_toml(CLUSTERS.replace(old, new, 1))
    assert caught.value.key == key


def test_relays_have_an_upper_bound() -> None:
    relays = [Address.of(f"10.1.{n // 256}.{n % 256}", 4000) for n in range(513)]
    Directory(clusters=[Cluster(1, tuple(relays[:512]))])
    with pytest.raises(UsageError):
        Directory(clusters=[Cluster(1, tuple(relays[:256])), Cluster(2, tuple(relays[256:]))])


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    for path in (tmp_path, tmp_path / "absent.toml", tmp_path / "latin.toml"):
        with pytest.raises(ConfigurationError) as caught:
            Directory.from_file(path)
        assert caught.value.value == str(path)

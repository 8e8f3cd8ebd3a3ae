"""Transceivers that announce themselves in a folder, and what relays read there."""

from __future__ import annotations

import asyncio
import logging
import os
from ipaddress import ip_network
from pathlib import Path

import pytest

from rtcsplit.cli.config import TransceiverConfig
from rtcsplit.cli.loading import Source
from rtcsplit.cli.registered import registered
from rtcsplit.errors import ConfigurationError
from rtcsplit.gateway.echo import Echo
from rtcsplit.relay.directory_file import FileSource, read_folder
from rtcsplit.relay.registration import Registration
from rtcsplit.relay.registry_file import FileRegistry
from rtcsplit.routing.directory import Cluster, Directory, DirectoryEntry, EntryState
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from ..cli_transceiver import HINT_KEYS, SECRET, SIGNALING, TRANSCEIVER
from ..offers import stored

FIRST = DirectoryEntry(Route(1, 1), Address.of("10.0.0.1", 5000), trunk=True)
SECOND = DirectoryEntry(Route(1, 2), Address.of("10.0.0.2", 5000))
CONFIG = TRANSCEIVER + 'announce_to = "."\n' + SIGNALING + HINT_KEYS


def read(folder: Path) -> Directory:
    return read_folder(folder, (), is_ipv4_only=True, setting="relay.directory")


def put(folder: Path, name: str, directory: Directory, age: int = 0) -> None:
    """A file that was written ``age`` seconds ago."""
    path = folder / name
    path.write_text(directory.to_toml())
    os.utime(path, (1_000_000 - age, 1_000_000 - age))


async def test_transceivers_are_listed_while_they_run_and_draining_while_they_drain(tmp_path: Path) -> None:
    state = EntryState.ACTIVE
    registry = FileRegistry(tmp_path)
    async with Registration(registry, lambda: FIRST._replace(state=state)), Registration(registry, lambda: SECOND):
        assert set(read(tmp_path).entries) == {FIRST, SECOND}
        state = EntryState.DRAINING
        for _ in range(500):
            if FIRST not in read(tmp_path).entries:
                break
            await asyncio.sleep(0.01)
        assert set(read(tmp_path).entries) == {FIRST._replace(state=state), SECOND}
    assert not os.listdir(tmp_path)


async def test_a_file_that_somebody_removed_comes_again(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path)
    assert await registry.announce(FIRST)
    (tmp_path / "1-1.toml").unlink()
    assert await registry.announce(FIRST)
    before = (tmp_path / "1-1.toml").stat().st_ino
    assert await registry.announce(FIRST)
    assert (tmp_path / "1-1.toml").stat().st_ino == before, "nothing was to be written"


async def test_a_folder_that_goes_away_is_said_once_and_used_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    registry = FileRegistry(folder)
    with pytest.raises(ConfigurationError) as refused:
        registry.check_access()
    assert refused.value.key == "transceiver.announce_to"
    with caplog.at_level(logging.WARNING):
        assert [await registry.announce(FIRST) for _ in range(3)] == [False, False, False]
        await registry.withdraw(FIRST)
    assert [record.message for record in caplog.records] == ["announcement_failed"]
    folder.mkdir()
    registry.check_access()
    assert await registry.announce(FIRST)
    assert read(folder).entries == (FIRST,)


def test_of_files_that_contradict_each_other_the_newer_one_counts(tmp_path: Path) -> None:
    """What a transceiver that was killed has left behind stands in nobody's way."""
    put(tmp_path, "1-1.toml", Directory([FIRST]), age=10)
    put(tmp_path, "1-2.toml", Directory([SECOND._replace(address=FIRST.address)]))
    assert read(tmp_path).entries == (SECOND._replace(address=FIRST.address),)
    for name, relay, age in (("a.toml", "10.7.0.1", 10), ("b.toml", "10.7.0.2", 5)):
        put(tmp_path, name, Directory(clusters=[Cluster(7, (Address.of(relay, 4000),))]), age)
    assert read(tmp_path).clusters == (Cluster(7, (Address.of("10.7.0.2", 4000),)),)


def test_what_relays_may_not_reach_is_left_out_and_what_is_no_directory_is_named(tmp_path: Path) -> None:
    put(tmp_path, "1-1.toml", Directory([FIRST]))
    put(tmp_path, "1-2.toml", Directory([SECOND]))
    (tmp_path / "1-3.new").write_text("half of a")
    networks = (ip_network("10.0.0.2/32"),)
    directory = read_folder(tmp_path, networks, is_ipv4_only=True, setting="relay.directory")
    assert directory.entries == (SECOND,)
    (tmp_path / "1-4.toml").write_text("[[transceiver]]\ncluster = 1\n")
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path)
    assert refused.value.key == "1-4.toml: transceiver[0].id"


async def test_a_relay_follows_what_comes_changes_and_goes(tmp_path: Path) -> None:
    source = FileSource(tmp_path, lambda: read(tmp_path))
    assert await source.read() is None
    seen = []
    for step in (
        lambda: put(tmp_path, "1-1.toml", Directory([FIRST])),
        lambda: put(tmp_path, "1-1.toml", Directory([FIRST._replace(state=EntryState.DRAINING)]), age=1),
        lambda: (tmp_path / "1-1.toml").unlink(),
    ):
        step()
        assert await source.read() is None, "it may be in the middle of something"
        directory = await source.read()
        assert directory is not None
        seen.append([entry.state for entry in directory.entries])
        assert await source.read() is None
    assert seen == [[EntryState.ACTIVE], [EntryState.DRAINING], []]


async def test_a_transceiver_is_withdrawn_after_its_last_session(tmp_path: Path) -> None:
    """Until it has ended its checks are routed, whatever ends it."""
    keys = RoutingKeys({1: SECRET}, 1)
    path = tmp_path / "transceiver.toml.config"
    path.write_text(CONFIG)
    config = Source(path, ()).read(TransceiverConfig)
    settings = TransceiverSettings(
        listen=config.transceiver.listen,
        advertise=config.transceiver.advertise,
        route=Route(1, 2),
        relay_networks=config.transceiver.relay_networks,
    )
    file = tmp_path / "1-2.toml"
    was_there: list[bool] = []
    async with Transceiver(settings, application=Echo(), keys=keys) as endpoint:
        async with registered(config, endpoint):
            assert read(tmp_path).entries == (DirectoryEntry(Route(1, 2), endpoint.address),)
            await endpoint.accept(stored("chromium_audio"), lambda: was_there.append(file.exists()))
        assert was_there == [True]
        assert not file.exists()

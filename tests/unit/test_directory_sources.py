"""Where a running relay's directory comes from: a file that changes, names that appear; and what follows them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest

from rtcsplit.errors import ConfigurationError
from rtcsplit.relay.directory_dns import ClusterName, DnsSettings, DnsSource, resolver
from rtcsplit.relay.directory_file import FileSource
from rtcsplit.relay.directory_follower import DirectoryFollower, DirectoryUnavailableError, consistent
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Cluster, Directory, DirectoryEntry
from rtcsplit.routing.hint import Route
from rtcsplit.wire.address import Address
from tests.relay_bench import ANY_PORT, DTLS, FIRST, KEYS, RTP, SECOND, check, running

NAME = "rtc-{ordinal}.rtc.example"
PORT = 5000


def entry(number: int, host: str, port: int = PORT) -> DirectoryEntry:
    return DirectoryEntry(Route(1, number), Address.of(host, port))


def toml(*entries: DirectoryEntry) -> str:
    return "".join(
        f'[[transceiver]]\ncluster = {e.route.cluster}\nid = {e.route.transceiver}\naddress = "{e.address}"\n'
        for e in entries
    )


# a file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "directory.toml"
    path.write_text(toml(entry(1, "10.0.0.1")))
    return path


def file_source(path: Path) -> FileSource:
    return FileSource(path, lambda: Directory.from_file(path))


async def test_file_that_has_not_changed_is_not_read(path):
    source = file_source(path)
    assert [await source.read() for _ in range(3)] == [None, None, None]


async def test_changed_file_is_read_once_it_has_settled(path):
    """A file that is being written may be valid and short at any moment."""
    source = file_source(path)
    path.write_text("")
    assert await source.read() is None
    path.write_text(toml(entry(1, "10.0.0.1"), entry(2, "10.0.0.2")))
    assert await source.read() is None
    directory = await source.read()
    assert directory is not None
    assert [e.route.transceiver for e in directory.entries] == [1, 2]
    assert await source.read() is None


async def test_file_that_was_replaced_by_another_with_the_same_time_is_read(path):
    """As a mounted ConfigMap is: a link that leads elsewhere."""
    source = file_source(path)
    status = path.stat()
    other = path.with_name("other.toml")
    other.write_text(toml(entry(1, "10.0.0.3")))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    await source.read()
    directory = await source.read()
    assert directory is not None
    assert directory.entries == (entry(1, "10.0.0.3"),)


@pytest.mark.parametrize("content", [None, "[[transceiver]]\ncluster = 1\n", "nonsense ="], ids=["gone", "key", "toml"])
async def test_file_that_cannot_be_used_is_refused_once_and_read_again_when_mended(path, content):
    source = file_source(path)
    path.unlink() if content is None else path.write_text(content)
    assert await source.read() is None
    with pytest.raises(ConfigurationError):
        await source.read()
    assert await source.read() is None
    path.write_text(toml(entry(4, "10.0.0.4")))
    await source.read()
    assert (await source.read()).entries == (entry(4, "10.0.0.4"),)


# whoever follows a source


class Script:
    """A source that says what it is told."""

    interval = 0.001

    def __init__(self, *says: Directory | Exception | None) -> None:
        self.says = list(says)
        self.readings = 0
        self.is_done = asyncio.Event()

    async def read(self) -> Directory | None:
        self.readings += 1
        if not self.says:
            self.is_done.set()
            return None
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


async def follow(relay: Relay, source: Script) -> DirectoryFollower:
    async with DirectoryFollower(relay, source) as follower:
        await asyncio.wait_for(source.is_done.wait(), 5)
    return follower


async def test_follower_replaces_what_has_changed_and_survives_what_fails(caplog):
    one, two = Directory([entry(1, "10.0.0.1")]), Directory([entry(2, "10.0.0.2")])
    refused = Directory([entry(3, "fd00::3")])  # the upstream side has no IPv6
    relay = Relay(RelaySettings(ANY_PORT, ANY_PORT), KEYS, Directory())
    unavailable = DirectoryUnavailableError("no answer")
    with caplog.at_level(logging.INFO):
        source = Script(one, one, unavailable, unavailable, refused, two, unavailable)
        follower = await follow(relay, source)
    assert relay.directory == two
    readings = follower.readings
    assert (readings["changed"], readings["failed"]) == (2, 4)
    assert readings.total() == source.readings
    assert [record.getMessage() for record in caplog.records] == [
        "directory_replaced",
        "directory_failed",  # no answer, said once
        "directory_failed",  # refused
        "directory_replaced",
        "directory_failed",
    ]


async def test_entry_that_disappears_is_routed_until_its_last_flow_has_gone():
    async with running() as bench:
        header, via = await bench.open_flow(FIRST)
        bench.first.send(header + DTLS, via)
        await bench.client.receive()
        await follow(bench.relay, Script(Directory([DirectoryEntry(SECOND, bench.second.address)])))
        bench.up(RTP)
        await bench.first.receive()
        bench.up(check(SECOND), client=bench.peer())
        await bench.second.receive()


def test_one_wrong_entry_does_not_take_the_others_along():
    entries = [
        entry(1, "10.0.0.1"),
        entry(1, "10.0.0.7"),  # a route twice
        entry(2, "10.0.0.1"),  # an address twice
        entry(3, "192.0.2.3"),  # outside
        entry(4, "fd00::4"),  # a family that the relay has not
        entry(5, "224.0.0.5"),  # no unicast
        entry(6, "10.0.0.6"),
    ]
    made = consistent(
        entries, (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("224.0.0.0/4")), is_ipv4_only=True
    )
    assert made.entries == (entries[0], entries[6])
    assert len(consistent(entries, (), is_ipv4_only=False).entries) == 4


# names


class NameServer(asyncio.DatagramProtocol):
    """A real one on loopback, for names of ours."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.fails = False
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        response = dns.message.make_response(query)
        hosts = self.addresses.get(question.name.to_text(omit_final_dot=True))
        if self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif hosts is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            kind = "AAAA" if question.rdtype == dns.rdatatype.AAAA else "A"
            matching = [host for host in hosts if (":" in host) == (kind == "AAAA")]
            if matching:
                response.answer.append(dns.rrset.from_text(question.name, 5, "IN", kind, *matching))
        self.transport.sendto(response.to_wire(), source)


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[tuple[NameServer, Address]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server, Address.of(*transport.get_extra_info("sockname"))
    finally:
        transport.close()
        await asyncio.sleep(0)


async def test_names_with_ordinals_are_the_directory():
    async with name_server() as (server, address):
        source = DnsSource(DnsSettings(NAME, PORT, 1, first_id=10, count=4), resolver(address))
        server.addresses = {"rtc-0.rtc.example": ["10.0.0.5"], "rtc-2.rtc.example": ["fd00::2"]}
        assert (await source.read()).entries == (entry(10, "10.0.0.5"), entry(12, "fd00::2"))
        server.addresses = {"rtc-0.rtc.example": ["10.0.0.6"], "rtc-3.rtc.example": ["10.0.0.8"]}
        assert (await source.read()).entries == (entry(10, "10.0.0.6"), entry(13, "10.0.0.8"))


async def test_transceivers_with_names_read_trunks_where_the_settings_say_so():
    async def resolve(_: str) -> list[str]:
        return ["10.0.0.5"]

    source = DnsSource(DnsSettings(NAME, PORT, 1, count=1, trunk=True), resolve)
    assert (await source.read()).entries == (entry(0, "10.0.0.5")._replace(trunk=True),)


async def test_a_name_server_that_does_not_answer_changes_nothing():
    async with name_server() as (server, address):
        source = DnsSource(DnsSettings(NAME, PORT, 1, count=2), resolver(address))
        server.addresses = {"rtc-0.rtc.example": ["10.0.0.5"]}
        before = await source.read()
        server.fails = True
        with pytest.raises(DirectoryUnavailableError):
            await source.read()
        server.fails = False
        assert await source.read() == before


async def test_one_name_that_cannot_be_looked_up_keeps_its_address():
    answers: dict[str, list[str] | Exception] = {"rtc-0.rtc.example": ["10.0.0.5"], "rtc-1.rtc.example": ["10.0.0.6"]}

    async def resolve(name: str) -> list[str]:
        answer = answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    source = DnsSource(DnsSettings(NAME, PORT, 1, count=2), resolve)
    await source.read()
    answers |= {"rtc-0.rtc.example": DirectoryUnavailableError("no answer"), "rtc-1.rtc.example": []}
    assert (await source.read()).entries == (entry(0, "10.0.0.5"),)


async def test_an_address_is_kept_while_its_name_still_has_it():
    hosts = ["10.0.0.5"]

    async def resolve(_: str) -> list[str]:
        return hosts

    source = DnsSource(DnsSettings(NAME, PORT, 1, count=1, is_ipv4_only=True), resolve)
    await source.read()
    hosts[:] = ["10.0.0.4", "10.0.0.5", "fd00::5"]
    assert (await source.read()).entries == (entry(0, "10.0.0.5"),)
    hosts[:] = ["fd00::5", "10.0.0.9"]
    assert (await source.read()).entries == (entry(0, "10.0.0.9"),)


async def test_names_of_other_clusters_are_all_their_relays():
    hosts: dict[str, list[str] | Exception] = {"two.example": ["10.1.0.2", "10.1.0.1", "fd00::1"], "three.example": []}

    async def resolve(name: str) -> list[str]:
        answer = hosts[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    names = (ClusterName(2, "two.example", 4000), ClusterName(3, "three.example", 4000))
    source = DnsSource(DnsSettings(relays=names, is_ipv4_only=True), resolve)
    two = Cluster(2, (Address.of("10.1.0.1", 4000), Address.of("10.1.0.2", 4000)))
    assert await source.read() == Directory(clusters=[two])
    hosts["two.example"] = DirectoryUnavailableError("no answer")
    hosts["three.example"] = ["10.2.0.1"]
    assert await source.read() == Directory(clusters=[two, Cluster(3, (Address.of("10.2.0.1", 4000),))])


def test_entries_of_clusters_that_have_relays_are_left_out():
    relay = Address.of("10.1.0.1", 4000)
    made = consistent(
        [entry(1, "10.0.0.1"), DirectoryEntry(Route(2, 1), Address.of("10.0.0.2", PORT))],
        (ip_network("10.0.0.0/8"),),
        is_ipv4_only=False,
        clusters=[Cluster(2, (relay, Address.of("192.0.2.1", 4000))), Cluster(1, (Address.of("192.0.2.2", 4000),))],
    )
    assert made == Directory([entry(1, "10.0.0.1")], [Cluster(2, (relay,))])

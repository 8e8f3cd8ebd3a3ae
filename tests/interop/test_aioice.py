"""A full ICE agent of somebody else against IceLite over loopback UDP: aioice, RFC 8445 in both roles.

aioice.Connection 127.0.0.1:any  <-- UDP -->  Lite 127.0.0.1:any (IceLite, one socket)
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator

import aioice
import pytest
from aioice import stun as oracle

from rtcsplit.drops import DropReason
from rtcsplit.session.events import IceEvent, PathCause, PathChanged
from rtcsplit.session.ice import IceLite
from rtcsplit.session.ice_state import State
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.session.stun_refusals import StunRefusals
from rtcsplit.wire.address import Address, Path
from tests.ice_peer import SERVER
from tests.stun_oracle import is_authentic


class Lite(asyncio.DatagramProtocol):
    """The least adapter: feed, drain, send. Payload that is not STUN is echoed to the agent's path."""

    transport: asyncio.DatagramTransport

    def __init__(self, remote: IceCredentials) -> None:
        self.loop = asyncio.get_running_loop()
        self.ice = IceLite(SERVER, remote, StunRefusals(), secrets.token_bytes, self.loop.time())
        self.sent: list[bytes] = []
        self.events: list[IceEvent] = []
        self.drops: list[DropReason] = []
        self.progress = asyncio.Event()

    @classmethod
    async def listen(cls, remote: IceCredentials, host: str) -> Lite:
        lite = cls(remote)
        lite.transport, _ = await lite.loop.create_datagram_endpoint(lambda: lite, local_addr=(host, 0))
        return lite

    @property
    def candidate(self) -> aioice.Candidate:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return aioice.Candidate("1", 1, "udp", 2130706431, host, port, "host")

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        now, client = self.loop.time(), Address.of(*source[:2])
        if data[0] < 4:
            reason = self.ice.receive(data, Path(client), now)
            if reason is not None:
                self.drops.append(reason)
        elif self.ice.is_authenticated(client) and self.ice.path is not None:
            self.send(data, self.ice.path)
        for datagram, path in self.ice.datagrams_to_send(now):
            self.sent.append(datagram)
            self.send(datagram, path)
        while (event := self.ice.next_event()) is not None:
            self.events.append(event)
        self.progress.set()

    async def has_sent(self, count: int) -> None:
        while len(self.sent) < count:
            self.progress.clear()
            await self.progress.wait()

    def send(self, datagram: bytes, path: Path) -> None:
        self.transport.sendto(datagram, (path.client.host, path.client.port))


@pytest.fixture(params=["127.0.0.1", "::1"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The loopback address that both sides use: aioice leaves loopback out unless told."""
    address: str = request.param
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address} on this machine")
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: [address])
    return address


@pytest.fixture
async def agent() -> AsyncIterator[aioice.Connection]:
    connection = aioice.Connection(ice_controlling=True)
    connection.remote_is_lite = True
    connection.remote_username = SERVER.ufrag
    connection.remote_password = SERVER.pwd
    yield connection
    await connection.close()


async def listen(agent: aioice.Connection, host: str) -> Lite:
    await agent.gather_candidates()
    lite = await Lite.listen(IceCredentials(agent.local_username, agent.local_password), host)
    await agent.add_remote_candidate(lite.candidate)
    await agent.add_remote_candidate(None)
    return lite


async def test_a_full_agent_connects_and_exchanges_data(agent: aioice.Connection, host: str) -> None:
    """C1, C2, C6, C24, A10: it nominates us, gets its own address back, hears an echo, and is asked nothing."""
    lite = await listen(agent, host)
    try:
        await asyncio.wait_for(agent.connect(), 10)
        await agent.send(b"\x80 hello")
        assert await asyncio.wait_for(agent.recv(), 10) == b"\x80 hello"
        assert lite.ice.state is State.PROVISIONAL
        lite.ice.handshake_ended(lite.loop.time())
        assert lite.ice.path is not None
        own = agent._nominated[1].local_candidate
        assert lite.ice.path.client == Address.of(own.host, own.port)
        assert {type(event) for event in lite.events} == {PathChanged}
        answers = [oracle.parse_message(datagram) for datagram in lite.sent]
        assert {answer.message_class for answer in answers} == {oracle.Class.RESPONSE}
        assert all(is_authentic(datagram, SERVER.pwd.encode()) for datagram in lite.sent)
        assert {answer.attributes["XOR-MAPPED-ADDRESS"] for answer in answers} == {(own.host, own.port)}
        assert lite.drops == []
    finally:
        lite.transport.close()


async def test_its_consent_checks_are_answered(
    agent: aioice.Connection, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C14, C16: aioice closes the connection when its consent checks fail; here they come every 20 ms."""
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.02)
    lite = await listen(agent, host)
    try:
        await asyncio.wait_for(agent.connect(), 10)
        await asyncio.wait_for(lite.has_sent(len(lite.sent) + 10), 10)
        await agent.send(b"\x80 still here")
        assert await asyncio.wait_for(agent.recv(), 10) == b"\x80 still here"
        assert len(lite.events) == 1, "one tuple, one event"
    finally:
        lite.transport.close()


async def test_an_agent_in_the_wrong_role_is_told_and_connects(host: str, agent: aioice.Connection) -> None:
    """C3: 487, then aioice takes the controlling role."""
    agent.ice_controlling = False
    agent.remote_is_lite = False
    lite = await listen(agent, host)
    try:
        await asyncio.wait_for(agent.connect(), 10)
        assert DropReason.STUN_ROLE_CONFLICT in lite.drops
        assert agent.ice_controlling
        assert isinstance(lite.events[-1], PathChanged)
        assert lite.events[0].cause in (PathCause.PROVISIONAL, PathCause.NOMINATED)
    finally:
        lite.transport.close()


async def test_an_agent_with_the_wrong_password_does_not_connect(
    agent: aioice.Connection, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B11: it takes no unsigned error for an answer (RFC 8489 section 9.1.4) and asks until its patience ends."""
    monkeypatch.setattr(oracle, "RETRY_RTO", 0.02)
    monkeypatch.setattr(oracle, "RETRY_MAX", 2)
    agent.remote_password = "x" * 24
    lite = await listen(agent, host)
    try:
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(agent.connect(), 10)
        assert lite.ice.path is None
        assert set(lite.drops) == {DropReason.STUN_UNAUTHORIZED}
    finally:
        lite.transport.close()

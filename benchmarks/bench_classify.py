"""Which kind a datagram is and which session it belongs to: the ufrag of a check, else the client's address.

aioice and aiortc have a socket per session, so all they find out is the kind: aioice tries to parse a STUN message
and hands on what is none (``StunProtocol.datagram_received``), aiortc then looks at the first octets
(``RTCDtlsTransport._recv_next``). Their lines are kept, with the sockets taken away.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import aioice.stun
import aiortc.rtp
import pytest

from rtcsplit.wire.address import Address
from rtcsplit.wire.packet import Kind, classify
from rtcsplit.wire.stun import server_ufrag
from tests import twins

from . import packets
from .conftest import PerPacket

Key = tuple[str, "str | Address"]


def rtcsplit(datagram: bytes) -> Key:
    kind = classify(datagram)
    if kind is Kind.STUN:
        return "stun", server_ufrag(datagram)
    return _NAMES[kind], packets.CLIENT


_NAMES = {kind: kind.name.lower() for kind in Kind}


def pure_python(datagram: bytes) -> Key:
    kind = twins.classify(datagram)
    if kind == "stun":
        return kind, twins.stun_server_ufrag(datagram).decode("ascii")
    return kind, packets.CLIENT


def aioice_aiortc(datagram: bytes) -> Key:
    try:
        message = aioice.stun.parse_message(datagram)
    except ValueError:
        first_byte = datagram[0]
        if first_byte > 19 and first_byte < 64:
            return "dtls", packets.CLIENT
        if first_byte > 127 and first_byte < 192:
            return "rtcp" if aiortc.rtp.is_rtcp(datagram) else "rtp", packets.CLIENT
        raise
    return "stun", message.attributes["USERNAME"].split(":")[0]


CONTENDERS: dict[str, Callable[[bytes], Key]] = {
    "rtcsplit": rtcsplit,
    "aioice and aiortc": aioice_aiortc,
    "pure Python": pure_python,
}


@pytest.mark.benchmark(group="classify and demultiplex")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_classify(per_packet: PerPacket, contender: str) -> None:
    expected = [pure_python(datagram) for datagram in packets.CALL]
    assert {kind for kind, _ in expected} == {"stun", "dtls", "rtp", "rtcp"}
    per_packet.each(contender, CONTENDERS[contender], packets.CALL, expected)


@pytest.mark.benchmark(group="classify and demultiplex")
def test_classify_in_c(per_packet: PerPacket) -> None:
    client = socket.inet_aton(packets.CLIENT.host)
    sockaddr = struct.pack("=H", socket.AF_INET) + struct.pack("!H", packets.CLIENT.port) + client + bytes(120)
    per_packet.in_c("loop_demultiplex", packets.CALL, sockaddr)

"""Which kind a datagram is and which session it belongs to: the ufrag of a check, else the client's address.

aioice and aiortc have a socket per session, so all they find out is the kind: aioice tries to parse a STUN message
and hands on what is none (``StunProtocol.datagram_received``), aiortc then looks at the first octets
(``RTCDtlsTransport._recv_next``). Their lines are kept, with the sockets taken away.
"""

from __future__ import annotations

import socket
import struct

import aioice.stun
import aiortc.rtp
import pytest

from rtcsplit.wire.address import Address
from rtcsplit.wire.packet import Kind, classify
from rtcsplit.wire.stun import server_ufrag
from tests import twins

from . import packets
from .race import Race, each, in_c, task

Key = tuple[str, "str | Address"]


def rtcsplit(datagram: bytes) -> tuple[Kind, str | Address]:
    kind = classify(datagram)
    return kind, server_ufrag(datagram) if kind is Kind.STUN else packets.CLIENT


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


def sockaddr() -> bytes:
    head = struct.pack("=H", socket.AF_INET) + struct.pack("!H", packets.CLIENT.port)
    return head + socket.inet_aton(packets.CLIENT.host) + bytes(120)


EXPECTED = [pure_python(datagram) for datagram in packets.CALL]
assert {kind for kind, _ in EXPECTED} == {"stun", "dtls", "rtp", "rtcp"}

CONTENDERS = {
    "rtcsplit": each(rtcsplit, packets.CALL, [(Kind[kind.upper()], key) for kind, key in EXPECTED]),
    "rtcsplit, in C": in_c("loop_demultiplex", packets.CALL, sockaddr()),
    "aioice and aiortc": each(aioice_aiortc, packets.CALL, EXPECTED),
    "pure Python": each(pure_python, packets.CALL, EXPECTED),
}


@task("classify and demultiplex")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_classify(race: Race, contender: str) -> None:
    race(CONTENDERS, contender)

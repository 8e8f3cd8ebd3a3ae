"""A session after a real handshake under changed datagrams, and under anything its own peer can protect.

Nothing raises; nothing that is not authentic ends it; what it sends in answer is bounded.
"""

from __future__ import annotations

from rtcsplit.drops import DropReason
from rtcsplit.session.events import EndCause, SessionEnded
from rtcsplit.session.negotiation import DataNegotiation, DtlsRole
from rtcsplit.session.session_state import SessionState
from rtcsplit.wire import rtcp, rtp
from rtcsplit.wire.address import Path
from tests.calls import CLIENT_ADDRESS, STRANGER, VirtualCall, virtual_call

from .octets import Octets

__all__ = ["run", "seeds"]

MAX_STEPS = 40
MAX_ANSWERS = 64  # datagrams in a second: a data channel may repeat a window, and checks are answered
DATA = DataNegotiation("1")
PATHS = (Path(CLIENT_ADDRESS), Path(STRANGER))
PACKET = rtp.build(rtp.RtpPacket(111, 7, 960, 0x1234, b"x" * 40))
REPORT = rtcp.build([rtcp.ReceiverReport(0x1234, ())])
AS_IT_IS, CHANGED, RTP, RTCP, DATA_RECORD, LATER, KINDS = range(7)


def seeds() -> list[bytes]:
    """One of each step, for both roles and both ways of receiving."""
    steps = bytes([CHANGED, 0, 3, 1, 0, 5, 9, RTP, 0, 1, 0, 9, 1, RTCP, 0, 1, 0, 9, 1, DATA_RECORD, 0, 3, 1, 2, 3])
    return [bytes([flags]) + steps + bytes([AS_IT_IS, 1, 4, 0x16, 0xFE, 0xFD, 0, LATER, 0, 200]) for flags in range(4)]


def run(octets: bytes) -> None:
    """The first octet is the role and the way of receiving; then steps, each from the client or a stranger."""
    source = Octets(octets)
    flags = source.number()
    role = DtlsRole.SERVER if flags & 1 else DtlsRole.CLIENT
    call = virtual_call(server_role=role, server_data=DATA, client_data=DATA)
    call.server.is_batched = bool(flags & 2)
    call.connect()
    call.network.run_for(0.5)
    for _ in range(MAX_STEPS):
        if not source:
            break
        sent = len(call.network.downlink)
        is_authentic = _step(call, source)
        call.network.run_for(0.05)
        assert len(call.network.downlink) - sent <= MAX_ANSWERS
        _check_end(call, is_authentic)
        if call.server.session.state is SessionState.CLOSED:
            break


def _step(call: VirtualCall, source: Octets) -> bool:
    """Whether it was something that only the peer can make."""
    kind, path = source.number() % KINDS, PATHS[source.number() & 1]
    client = call.client
    datagram: bytes | None = None
    match kind:
        case 0:
            datagram = source.some()
        case 1:
            recorded = call.network.uplink
            datagram = source.change(recorded[source.number() % len(recorded)][1])
        case 2 if client.srtp is not None:
            datagram = _protected(client.srtp.protect, source.change(PACKET))
        case 3 if client.srtp is not None:
            datagram = _protected(client.srtp.protect_rtcp, source.change(REPORT))
        case 4:
            client.dtls.send(source.some() or b"\0")
            call.network.run_for(0.05)
        case _:
            call.network.run_for(source.number() / 20)
    if datagram is not None:
        reason = call.server.receive(datagram, path, call.network.now)
        assert reason is None or isinstance(reason, DropReason)
    return kind in (2, 3, 4)


def _protected(protect: object, packet: bytes) -> bytes | None:
    """None where the client's own library refuses to send such a packet."""
    assert callable(protect)
    try:
        return bytes(protect(packet))
    except ValueError:
        return None


def _check_end(call: VirtualCall, is_authentic: bool) -> None:
    ended = call.server.of_type(SessionEnded)
    assert len(ended) == (call.server.session.state is SessionState.CLOSED)
    assert is_authentic or not ended or ended[0].cause is EndCause.CONSENT_EXPIRED

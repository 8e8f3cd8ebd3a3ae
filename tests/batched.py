"""The batch path in the shape of the objects that handle packets one by one, so that one suite tests both."""

from __future__ import annotations

from collections.abc import Iterator

from rtcsplit._native.session_table import NativeSessionTable
from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.events import (
    AddressAuthenticated,
    RtcpReceived,
    RtpReceived,
    SessionConnected,
    SessionEnded,
    SessionEvent,
)
from rtcsplit.session.keying import SrtpKeys
from rtcsplit.session.session import Session
from rtcsplit.session.srtp import SrtpSession
from rtcsplit.transceiver.datagrams import MemoryBatch
from rtcsplit.transceiver.facts import OpenedPacket, Received, ReceivedDatagram, RefusedPacket
from rtcsplit.wire.address import Address, Path
from rtcsplit.wire.packet import Kind
from rtcsplit.wire.rtp import RtpPacket, build

_SOMEWHERE = Path(Address.of("192.0.2.1", 1))
_SESSION = 1

Outcome = tuple[DropReason | None, list[SessionEvent]]
"""Why a datagram was dropped, or None, and what it brought beside the session's own events."""


class BatchedSrtp(SrtpSession):
    """An ``SrtpSession`` whose packets go through batches of one.

    What classification refuses before SRTP is asked counts as malformed SRTP here, as it does to who asks SRTP first.
    """

    def __init__(self, keys: SrtpKeys) -> None:
        super().__init__(keys)
        table = NativeSessionTable()
        table.put(*_SOMEWHERE.client, _SESSION, self.contexts)
        self._batch = MemoryBatch(table)

    def protect(self, packet: bytes) -> bytes:
        self.admit(packet)
        return self._seal(packet, "rtp_count")

    def protect_rtcp(self, packet: bytes) -> bytes:
        self.admit_rtcp(packet)
        return self._seal(packet, "rtcp_count")

    def unprotect(self, packet: bytes) -> bytes | DropReason:
        self._batch.drops.clear()
        opened = self._batch.open([(packet, _SOMEWHERE)], 0.0)
        if opened and not isinstance(opened[0], ReceivedDatagram):
            assert opened[0].session == _SESSION
            return octets(opened[0].packet) if isinstance(opened[0], OpenedPacket) else opened[0].reason
        reason = next(iter(self._batch.drops), DropReason.SRTP_MALFORMED)
        before_srtp = {DropReason.TOO_SHORT, DropReason.FIRST_OCTET, DropReason.STUN_MALFORMED}
        return DropReason.SRTP_MALFORMED if reason in before_srtp else reason

    unprotect_rtcp = unprotect

    def _seal(self, packet: bytes, count: str) -> bytes:
        sealed = self._batch.seal([(packet, _SOMEWHERE, self)])
        if not sealed:
            setattr(self, count, getattr(self, count) - 1)
            raise UsageError("refused")
        return sealed[0][0]


class BatchedSession:
    """What a transceiver does with the datagrams of one session, which is all that it has."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = NativeSessionTable()
        self._batch = MemoryBatch(self._table)
        self._clients: set[Address] = set()

    def receive(self, batch: list[tuple[bytes, Path]], now: float) -> Iterator[Outcome]:
        """Open the datagrams together, then have the session take them one after the other."""
        self._batch.drops.clear()
        taken = self._batch.open(batch, now)
        for reason in self._batch.drops.elements():
            yield reason, []
        for received in taken:
            yield self._take(received, now)

    def _take(self, received: Received, now: float) -> Outcome:
        if isinstance(received, RefusedPacket):
            return received.reason, []
        if isinstance(received, ReceivedDatagram):
            return self._session.receive_classified(received.kind, received.payload, received.path, now), []
        assert isinstance(received, OpenedPacket)  # batches here know no RTP session
        reason = self._session.accept_opened(received.kind, received.path, now)
        if reason is not None:
            return reason, []
        event = RtpReceived if received.kind is Kind.RTP else RtcpReceived
        return None, [event(octets(received.packet), now)]

    def seal(self, now: float) -> list[tuple[bytes, Path]]:
        """Return what the session has to send."""
        return self._batch.seal(self._session.outgoing(now))

    def follow(self, event: SessionEvent) -> None:
        """Keep the table as a transceiver keeps it."""
        match event:
            case AddressAuthenticated(client, replaces):
                self._clients.add(client)
                if replaces is not None:
                    self._clients.remove(replaces)
                    self._table.remove(*replaces)
            case SessionEnded():
                for client in self._clients:
                    self._table.remove(*client)
                self._clients.clear()
            case SessionConnected():
                pass
            case _:
                return
        for client in self._clients:
            srtp = self._session.srtp
            self._table.put(*client, _SESSION, None if srtp is None else srtp.contexts)


def octets(packet: RtpPacket | bytes) -> bytes:
    """Return a packet as it was on the wire; padding octets are taken to be zero."""
    return build(packet) if isinstance(packet, RtpPacket) else packet

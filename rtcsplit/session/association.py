"""The DTLS association of a session, and the data channels inside of it (RFC 8842, RFC 8831).

One object in place of two, so that a session starts, drives and ends them as the one thing that they are: channels
begin with the keys, live on application data, and end with the association.
"""

from __future__ import annotations

from collections.abc import Callable

from ..drops import DropReason
from .datachannel import DataChannels
from .dtls_like import OpenDtls
from .dtls_state import DtlsState
from .events import ChannelEvent, DataReceived, DtlsClosed, DtlsFailed, HandshakeCompleted, HeldPacketDropped
from .negotiation import Negotiation

__all__ = ["Association", "AssociationEvent"]

AssociationEvent = HandshakeCompleted | DtlsFailed | DtlsClosed | HeldPacketDropped | ChannelEvent


class Association:
    """DTLS, and SCTP where data channels were negotiated.

    Args:
        open_dtls: makes the DTLS part.
        negotiation: roles, fingerprints and data section.
        random: returns as many random octets as it is asked for.

    Attributes:
        channels: the data channels, None where none were negotiated.
    """

    __slots__ = ("_dtls", "_events", "_random", "channels")

    def __init__(self, open_dtls: OpenDtls, negotiation: Negotiation, random: Callable[[int], bytes]) -> None:
        role, data = negotiation.dtls_role, negotiation.data
        self._dtls = open_dtls(role, negotiation.remote_fingerprints)
        self.channels = None if data is None else DataChannels(data, role, random=random)
        self._random = random
        self._events: list[AssociationEvent] = []

    def renegotiate(self, negotiation: Negotiation, now: float) -> None:
        """Begin or end the data channels as a later answer says (RFC 8841 section 9); DTLS goes on."""
        if negotiation.data is None and self.channels is not None:
            self.channels.close()
        elif negotiation.data is not None and self.channels is None:
            self.channels = DataChannels(negotiation.data, negotiation.dtls_role, random=self._random)
            if self._dtls.state is DtlsState.ESTABLISHED:
                self.channels.start(now)
        self._follow_channels()

    def start(self, now: float) -> None:
        """Begin, upon the first authenticated check; later calls do nothing."""
        self._dtls.start(now)
        self._follow(now)

    def receive(self, datagram: bytes, now: float) -> DropReason | None:
        """Take a datagram of the peer; return why it, or the data inside of it, was of no use, else None."""
        reason = self._dtls.receive(datagram, now)
        refusal = self._follow(now)
        return reason if reason is not None else refusal

    def follow(self, now: float) -> None:
        """Do what DTLS reports where it goes on by itself."""
        refusal = self._follow(now)
        if refusal is not None:
            self._events.append(HeldPacketDropped(refusal))

    def repeat_flight(self, now: float) -> None:
        """Send the flight that waits for an answer once more: the peer may not have heard it, or not on this path."""
        self._dtls.repeat_flight(now)

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Return and forget what is to be sent, that of the channels included."""
        self._send_data(now)
        return self._dtls.datagrams_to_send(now)

    def next_event(self) -> AssociationEvent | None:
        """Return and forget the oldest event, None when there is none."""
        return self._events.pop(0) if self._events else None

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called, None for never."""
        timer = self._dtls.next_timer()
        other = None if self.channels is None else self.channels.next_timer()
        return other if timer is None else timer if other is None else min(timer, other)

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``."""
        self._dtls.handle_timer(now)
        self._follow(now)
        if self.channels is not None:
            self.channels.handle_timer(now)

    def close(self, now: float) -> None:
        """End with a close_notify behind what the channels say of it. Idempotent."""
        if self.channels is not None:
            self.channels.close()
            self._send_data(now)
        self._dtls.close(now)
        self._follow_channels()

    def _send_data(self, now: float) -> None:
        """Have DTLS carry what the channels have to send, for as long as it stands."""
        if self.channels is None or self._dtls.state is not DtlsState.ESTABLISHED:
            self._follow_channels()
            return
        for packet in self.channels.packets_to_send(now):
            if self._dtls.state is DtlsState.ESTABLISHED:
                self._dtls.send(packet)
        self._follow(now)

    def _follow(self, now: float) -> DropReason | None:
        """Do what DTLS reports; return why application data was dropped, None where it was not."""
        refusal = None
        while (event := self._dtls.next_event()) is not None:
            if isinstance(event, DataReceived):
                refusal = self._receive_data(event.data, now)
            else:
                self._events.append(event)
                if isinstance(event, HandshakeCompleted) and self.channels is not None:
                    self.channels.start(now)
        self._follow_channels()
        return refusal

    def _receive_data(self, data: bytes, now: float) -> DropReason | None:
        if self.channels is None:
            return DropReason.SCTP_UNEXPECTED
        reason = self.channels.receive(data, now)
        self._follow_channels()
        return reason

    def _follow_channels(self) -> None:
        while self.channels is not None and (event := self.channels.next_event()) is not None:
            self._events.append(event)

"""One SCTP association inside of one DTLS association, without I/O: packets and ``now`` in and out.

RFC 9260 and RFC 8261, a subset: one path, no restart, no dynamic addresses, and no heartbeats of our own, since ICE
knows whether the path lives. Here are its beginning and its end; what is between them is :mod:`.sctp_transfer`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..drops import DropReason
from ..errors import UsageError
from .sctp_chunks import Cause, Init, build_cause
from .sctp_cookie import PeerInit
from .sctp_events import AssociationCause, AssociationEnded, AssociationEstablished, OutboundStreamReset, SctpEvent
from .sctp_handshake import Handshake
from .sctp_inbound import MAX_STREAMS
from .sctp_outbound import Outbound
from .sctp_packet import Chunk, ChunkType, Packet, build_chunk, build_packet, parse_packet, parse_parameters
from .sctp_send_queue import OutboundMessage
from .sctp_state import TRANSITIONS, SctpState, SctpTrigger
from .sctp_transfer import SctpTransfer

__all__ = ["MAX_MESSAGE_SIZE", "SctpAssociation"]

MAX_MESSAGE_SIZE = 65_536  # octets of a message that we take, as announced in SDP (RFC 8841 section 6)
_KNOWN = frozenset(ChunkType)
_REFLECTED = 1  # T: the packet has the receiver's own tag for lack of the right one (RFC 9260 section 8.5.1)


class SctpAssociation:
    """One association; both ends start it.

    After each call that changes it, empty :meth:`packets_to_send` and :meth:`next_event` and ask :meth:`next_timer`
    again.

    Args:
        local_port: ours, as in ``a=sctp-port``.
        remote_port: the peer's.
        random: returns as many random octets as it is asked for.
        max_message_size: octets of the longest message that we announced; a longer one ends the association.
        inits: ours and the peer's where SDP carried them (SNAP): the association then stands as soon as it is started.

    Attributes:
        state: where it stands.
    """

    def __init__(
        self,
        local_port: int,
        remote_port: int,
        *,
        random: Callable[[int], bytes],
        max_message_size: int = MAX_MESSAGE_SIZE,
        inits: tuple[Init, Init] | None = None,
    ) -> None:
        self.state = SctpState.NEW
        self._ports = local_port, remote_port
        self._max_message_size = max_message_size
        self._handshake = Handshake(random, None if inits is None else inits[0])
        self._remote_init = None if inits is None else inits[1]
        self._outbound = Outbound(self._handshake.local_tsn)
        self._transfer: SctpTransfer | None = None
        self._peer: PeerInit | None = None
        self._packets: list[bytes] = []
        self._events: deque[SctpEvent] = deque()
        self._was_shut_down = False
        self._handlers: dict[int, Callable[[Chunk, float], DropReason | None]] = {
            ChunkType.INIT: self._take_init,
            ChunkType.INIT_ACK: self._take_init_ack,
            ChunkType.ABORT: self._take_abort,
            ChunkType.SHUTDOWN: self._take_shutdown,
            ChunkType.ERROR: self._take_error,
            ChunkType.COOKIE_ECHO: self._take_cookie_echo,
            ChunkType.COOKIE_ACK: self._take_cookie_ack,
        }

    @property
    def is_idle(self) -> bool:
        """Whether everything that was to be sent is acknowledged or given up."""
        return self._outbound.is_idle

    def start(self, now: float) -> None:
        """Send our INIT where it is not known; the DTLS association stands. Later calls do nothing."""
        if self._remote_init is not None and self.state is SctpState.NEW:
            self._establish(SctpTrigger.NEGOTIATED, PeerInit.of(self._remote_init))
        elif self._apply(SctpTrigger.STARTED):
            self._send(self._handshake.init(now), 0)

    def receive(self, packet: bytes, now: float) -> DropReason | None:
        """Take a packet of the peer; None where at least one of its chunks was of use, else why none was."""
        parsed = parse_packet(packet)
        if isinstance(parsed, DropReason):
            return parsed
        if not self._is_for_us(parsed):
            return DropReason.SCTP_TAG
        if self._transfer is not None:
            self._packets += self._transfer.due_sack(now)
        refusals = self._take_chunks(parsed, now)
        self._follow(now)
        return None if None in refusals else refusals[0]

    def packets_to_send(self, now: float) -> list[bytes]:
        """Return what is to be sent, each at most 1,160 octets: one DTLS record of one datagram."""
        packets, self._packets = self._packets, []
        if self._transfer is not None:
            packets += self._transfer.packets_to_send(now)
            self._events += self._transfer.drained()
        return packets

    def next_event(self) -> SctpEvent | None:
        """Return the next event, None when there is none."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called, None for never."""
        return self._handshake.timer_at if self._transfer is None else self._transfer.next_timer()

    def handle_timer(self, now: float) -> None:
        """Repeat what was not answered, whatever is due."""
        waiting = self._handshake.repeat(now)
        if waiting is not None:
            self._send(waiting, 0 if self._peer is None else self._peer.tag)
        if self._transfer is not None:
            self._transfer.handle_timer(now)
        self._follow(now)

    def send(self, message: OutboundMessage, *, is_exempt: bool = False) -> None:
        """Queue a message; it leaves once the association stands.

        Args:
            message: what to send.
            is_exempt: queue it even where there is no room: for the few short ones that the protocol needs.

        Raises:
            UsageError: the association has ended, the stream is out of range, the message is empty, or there is no
                room for it; nothing was queued.
        """
        if self.state is SctpState.ENDED:
            raise UsageError("the association has ended")
        if not 0 <= message.stream_id < MAX_STREAMS or not message.data:
            raise UsageError(f"a message has 1 octet or more and a stream identifier of 0..{MAX_STREAMS - 1}")
        self._outbound.queue.add(message, is_exempt=is_exempt)

    def queued(self, stream_id: int) -> int:
        """Octets of user data that wait to be sent on a stream."""
        return self._outbound.queue.octets(stream_id)

    def reset_stream(self, stream_id: int) -> None:
        """Reset our side of a stream after the last message on it; the outcome is an event.

        Before the association stands, and with a peer that knows no resets, what waits is dropped instead.
        """
        if self._transfer is None or not self._transfer.reset_stream(stream_id):
            self.discard_stream(stream_id)
            self._events.append(OutboundStreamReset(stream_id, is_done=self._transfer is None))

    def presume_reset(self, stream_id: int) -> tuple[int, ...]:
        """The peer has begun to use a stream anew, so that our side of it is reset; see :class:`.StreamResets`."""
        return () if self._transfer is None else self._transfer.presume_reset(stream_id)

    def discard_stream(self, stream_id: int) -> None:
        """Drop what waits to be sent on a stream."""
        self._outbound.queue.discard_stream(stream_id)

    def close(self) -> None:
        """End the association, with an ABORT where the peer knows of it. Later calls do nothing."""
        self._abort(AssociationCause.CLOSED, Cause.USER_ABORT)

    # packets

    def _is_for_us(self, packet: Packet) -> bool:
        """RFC 9260 section 8.5.1. What is not for us is never answered."""
        if (packet.destination_port, packet.source_port) != self._ports:
            return False
        kind, flags = packet.chunks[0].type, packet.chunks[0].flags
        if kind == ChunkType.INIT:
            return packet.verification_tag == 0 and len(packet.chunks) == 1
        if kind == ChunkType.ABORT and flags & _REFLECTED:
            return self._peer is not None and packet.verification_tag == self._peer.tag
        return packet.verification_tag == self._handshake.local_tag

    def _take_chunks(self, packet: Packet, now: float) -> list[DropReason | None]:
        refusals: list[DropReason | None] = []
        for chunk in packet.chunks:
            refusals.append(self._take_chunk(chunk, now))
            # RFC 9260 section 3.2: the highest bit of an unknown type says whether to go on behind it.
            if chunk.type not in _KNOWN and not chunk.type & 0x80:
                break
        return refusals

    def _take_chunk(self, chunk: Chunk, now: float) -> DropReason | None:
        if self.state is SctpState.ENDED and chunk.type != ChunkType.SHUTDOWN:
            return DropReason.SCTP_UNEXPECTED
        transfer = self._transfer
        handler = self._handlers.get(chunk.type) or (transfer and transfer.handlers.get(chunk.type))
        if handler:
            return handler(chunk, now)
        if transfer is not None and chunk.type & 0x40:
            transfer.report_unknown(chunk)
        return DropReason.SCTP_UNEXPECTED

    def _send(self, chunk: bytes, tag: int) -> None:
        self._packets.append(build_packet(*self._ports, tag, [chunk]))

    def _follow(self, now: float) -> None:
        """Report what there is to report, and end where somebody has failed."""
        if self._transfer is not None:
            self._events += self._transfer.packet_received(now)
            if self._transfer.violation is not None:
                self._abort(AssociationCause.VIOLATION, Cause.PROTOCOL_VIOLATION, self._transfer.violation)
        if self._handshake.has_failed or (self._transfer is not None and self._transfer.has_failed):
            self._abort(AssociationCause.TIMEOUT, Cause.USER_ABORT)

    # setting up

    def _take_init(self, chunk: Chunk, now: float) -> DropReason | None:
        """The peer's INIT: answered without a state of ours, until the association stands.

        Then the peer has no reason to send one, except to begin anew, which takes a new DTLS association here.
        """
        if self.state is SctpState.ESTABLISHED:
            return DropReason.SCTP_UNEXPECTED
        init = Init.parse(chunk)
        if init is None:
            return DropReason.SCTP_MALFORMED
        self._send(self._handshake.answer(init, now), init.tag)
        return None

    def _take_init_ack(self, chunk: Chunk, now: float) -> DropReason | None:
        if self.state is not SctpState.COOKIE_WAIT:
            return DropReason.SCTP_UNEXPECTED
        init_ack = Init.parse(chunk)
        echo = None if init_ack is None else self._handshake.echo(init_ack, now)
        if init_ack is None or echo is None:
            return DropReason.SCTP_MALFORMED
        self._peer = PeerInit.of(init_ack)
        self._apply(SctpTrigger.INIT_ACKED)
        self._send(echo, init_ack.tag)
        return None

    def _take_cookie_echo(self, chunk: Chunk, now: float) -> DropReason | None:
        cookie = self._handshake.open_cookie(chunk.value, now)
        if cookie is None:
            return DropReason.SCTP_COOKIE
        if self._transfer is not None:
            # Our COOKIE ACK was lost (RFC 9260 section 5.2.4, action D); age does not matter then.
            if self._peer is None or cookie.peer.tag != self._peer.tag:
                return DropReason.SCTP_COOKIE
            self._transfer.control(build_chunk(ChunkType.COOKIE_ACK))
            return None
        if cookie.is_stale:
            staleness = cookie.staleness_us.to_bytes(4, "big")
            self._send(build_cause(ChunkType.ERROR, Cause.STALE_COOKIE, staleness), cookie.peer.tag)
            return DropReason.SCTP_COOKIE
        self._establish(SctpTrigger.COOKIE_ECHOED, cookie.peer).control(build_chunk(ChunkType.COOKIE_ACK))
        return None

    def _take_cookie_ack(self, chunk: Chunk, now: float) -> DropReason | None:
        if self.state is SctpState.COOKIE_ECHOED and self._peer is not None:
            self._establish(SctpTrigger.COOKIE_ACKED, self._peer)
        elif self.state is not SctpState.ESTABLISHED:  # there it is normal: both handshakes went on to their end
            return DropReason.SCTP_UNEXPECTED
        return None

    def _establish(self, trigger: SctpTrigger, peer: PeerInit) -> SctpTransfer:
        self._apply(trigger)
        self._handshake.settle()
        self._peer = peer
        self._transfer = SctpTransfer(
            peer,
            self._outbound,
            ports=self._ports,
            local_tsn=self._handshake.local_tsn,
            max_message_size=self._max_message_size,
        )
        self._events.append(AssociationEstablished(min(peer.inbound_streams, MAX_STREAMS)))
        return self._transfer

    # ending

    def _take_error(self, chunk: Chunk, now: float) -> DropReason | None:
        """Only a stale cookie matters: begin again. Anything else is for people who read packets."""
        causes = parse_parameters(chunk.value)
        if causes is None:
            return DropReason.SCTP_MALFORMED
        if any(cause.type == Cause.STALE_COOKIE for cause in causes) and self._apply(SctpTrigger.COOKIE_STALE):
            self._peer = None
            self._send(self._handshake.init(now), 0)
        return None

    def _take_abort(self, chunk: Chunk, now: float) -> DropReason | None:
        self._end(AssociationCause.PEER_ABORTED)
        return None

    def _take_shutdown(self, chunk: Chunk, now: float) -> DropReason | None:
        """The peer sends no more: neither do we. Its SHUTDOWN is answered as often as it is repeated."""
        if self._peer is None or not (self.state is SctpState.ESTABLISHED or self._was_shut_down):
            return DropReason.SCTP_UNEXPECTED
        self._was_shut_down = True
        self._end(AssociationCause.PEER_SHUT_DOWN)
        self._send(build_chunk(ChunkType.SHUTDOWN_ACK), self._peer.tag)
        return None

    def _abort(self, cause: AssociationCause, wire_cause: Cause, detail: str = "") -> None:
        """Tell the peer, where there is one, and end."""
        if self._end(cause, detail) and self._peer is not None:
            self._send(build_cause(ChunkType.ABORT, wire_cause), self._peer.tag)

    def _end(self, cause: AssociationCause, detail: str = "") -> bool:
        if not self._apply(SctpTrigger.ENDED):
            return False
        self._handshake.settle()
        self._packets.clear()
        self._outbound = Outbound(self._handshake.local_tsn)
        self._transfer = None
        self._events.append(AssociationEnded(cause, detail))
        return True

    def _apply(self, trigger: SctpTrigger) -> bool:
        following = TRANSITIONS.get((self.state, trigger))
        if following is None:
            return False
        self.state = following
        return True

"""An association that stands: data and what accounts for it, in both directions (RFC 9260 section 6).

What each half knows is in :mod:`.sctp_inbound` and :mod:`.sctp_outbound`; here they meet their packets.
"""

from __future__ import annotations

from collections.abc import Callable

from ..drops import DropReason
from .sctp_chunks import Cause, Data, ForwardTsn, Sack, build_cause
from .sctp_cookie import PeerInit
from .sctp_events import OutboundStreamReset, SctpEvent, StreamDrained
from .sctp_inbound import Inbound
from .sctp_outbound import Outbound
from .sctp_packet import MAX_PACKET, Chunk, ChunkType, PacketBuilder, build_chunk
from .sctp_reset import StreamResets

__all__ = ["SctpTransfer"]

_MAX_ECHO = MAX_PACKET - 16  # octets of a HEARTBEAT that fit into one packet again
_MAX_REPORTED = 64  # octets of a chunk that we do not know


class SctpTransfer:
    """The established half of :class:`~rtcsplit.session.sctp_association.SctpAssociation`, which drives it.

    Args:
        peer: what the peer said of itself.
        outbound: what we send; messages may wait in it already.
        ports: ours and the peer's.
        local_tsn: our initial TSN.
        max_message_size: octets of the longest message that we announced.

    Attributes:
        handlers: takes a chunk, by its type.
    """

    def __init__(
        self, peer: PeerInit, outbound: Outbound, *, ports: tuple[int, int], local_tsn: int, max_message_size: int
    ) -> None:
        self._peer = peer
        self._ports = ports
        self._outbound = outbound
        self._inbound = Inbound(peer.initial_tsn, max_message_size)
        self._resets = StreamResets(outbound, self._inbound, local_tsn, peer.initial_tsn)
        self._control: list[bytes] = []
        self.handlers: dict[int, Callable[[Chunk, float], DropReason | None]] = {
            ChunkType.DATA: self._take_data,
            ChunkType.SACK: self._take_sack,
            ChunkType.FORWARD_TSN: self._take_forward_tsn,
            ChunkType.RE_CONFIG: self._take_re_config,
            ChunkType.HEARTBEAT: self._take_heartbeat,
            ChunkType.HEARTBEAT_ACK: self._take_heartbeat_ack,
        }
        outbound.start(peer.window, can_forward=peer.has_forward_tsn)

    @property
    def violation(self) -> str | None:
        """What the peer did that has to end the association."""
        return self._inbound.violation

    @property
    def has_failed(self) -> bool:
        """Whether the peer has been silent for too long."""
        return self._outbound.has_failed or self._resets.has_failed

    def next_timer(self) -> float | None:
        """Return when data, a SACK or a reset is due."""
        times = (self._outbound.timer_at, self._inbound.sack_at, self._resets.timer_at)
        return min((time for time in times if time is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """See to lost data; SACKs and resets leave with the next packets."""
        self._outbound.handle_timer(now)

    def control(self, chunk: bytes) -> None:
        """Send ``chunk`` with the next packets."""
        self._control.append(chunk)

    def report_unknown(self, chunk: Chunk) -> None:
        """Tell the peer of a chunk that wants to be reported where it is not known (section 3.2)."""
        reported = build_chunk(chunk.type, chunk.flags, chunk.value[:_MAX_REPORTED])
        self.control(build_cause(ChunkType.ERROR, Cause.UNRECOGNIZED_CHUNK, reported))

    def reset_stream(self, stream_id: int) -> bool:
        """Reset our side of a stream after the last message on it; return False for a peer that knows no resets."""
        if self._peer.has_re_config:
            self._resets.want(stream_id)
        return self._peer.has_re_config

    def presume_reset(self, stream_id: int) -> tuple[int, ...]:
        """See :meth:`.StreamResets.presume_performed`."""
        return self._resets.presume_performed(stream_id)

    def packet_received(self, now: float) -> list[SctpEvent]:
        """All chunks of a packet were taken: return what came of them.

        Answers to our resets come first: a stream that the peer uses anew in the same packet was reset before.
        """
        inbound, resets = self._inbound, self._resets
        inbound.packet_received(now)
        events: list[SctpEvent] = [event for event in resets.events if isinstance(event, OutboundStreamReset)]
        events += inbound.messages
        inbound.messages.clear()
        resets.data_received()
        events += [event for event in resets.events if not isinstance(event, OutboundStreamReset)]
        resets.events.clear()
        self._control += resets.chunks
        resets.chunks.clear()
        for stream_id in inbound.unknown_streams:
            self.control(build_cause(ChunkType.ERROR, Cause.INVALID_STREAM, stream_id.to_bytes(2, "big") + bytes(2)))
        inbound.unknown_streams.clear()
        return events

    def due_sack(self, now: float) -> list[bytes]:
        """Return a packet with the SACK that was due before the next packet came.

        So a batch of packets gets as many SACKs as it would singly; the sender's window grows by them (sections 6.2
        and 7.2.1).
        """
        sack_at = self._inbound.sack_at
        if sack_at is None or now < sack_at:
            return []
        builder = PacketBuilder(*self._ports, self._peer.tag)
        builder.add(self._inbound.sack().build())
        return builder.packets()

    def packets_to_send(self, now: float) -> list[bytes]:
        """Bundle control chunks, then our SACK once it is due or data leaves anyway, then data."""
        control, self._control = self._control, []
        # Data before resets: a request names the last TSN that was given out.
        data = self._outbound.chunks_to_send(now)
        requests = self._resets.requests_to_send(now)
        sack_at = self._inbound.sack_at
        if sack_at is not None and (data or requests or control or now >= sack_at):
            control.append(self._inbound.sack().build())
        builder = PacketBuilder(*self._ports, self._peer.tag)
        for chunk in (*control, *data, *requests):
            builder.add(chunk)
        return builder.packets()

    def drained(self) -> list[SctpEvent]:
        """Return and forget the streams that fell to the low-water mark."""
        streams = self._outbound.queue.drained
        events: list[SctpEvent] = [StreamDrained(stream_id) for stream_id in streams]
        streams.clear()
        return events

    # chunks

    def _take_data(self, chunk: Chunk, now: float) -> DropReason | None:
        data = Data.parse(chunk)
        return DropReason.SCTP_MALFORMED if data is None else self._inbound.receive_data(data)

    def _take_forward_tsn(self, chunk: Chunk, now: float) -> DropReason | None:
        forward = ForwardTsn.parse(chunk)
        if forward is None:
            return DropReason.SCTP_MALFORMED
        self._inbound.receive_forward_tsn(forward)
        return None

    def _take_sack(self, chunk: Chunk, now: float) -> DropReason | None:
        sack = Sack.parse(chunk)
        return DropReason.SCTP_MALFORMED if sack is None else self._outbound.receive_sack(sack, now)

    def _take_re_config(self, chunk: Chunk, now: float) -> DropReason | None:
        return self._resets.receive(chunk.value, now)

    def _take_heartbeat(self, chunk: Chunk, now: float) -> DropReason | None:
        if len(chunk.value) > _MAX_ECHO:
            return DropReason.SCTP_LIMIT
        self.control(build_chunk(ChunkType.HEARTBEAT_ACK, 0, chunk.value))
        return None

    def _take_heartbeat_ack(self, chunk: Chunk, now: float) -> DropReason | None:
        return DropReason.SCTP_UNEXPECTED  # we send no heartbeats

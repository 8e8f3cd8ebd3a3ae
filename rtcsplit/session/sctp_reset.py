"""Stream resets, by which data channels close (RFC 6525)."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from ..drops import DropReason
from .sctp_congestion import RTO_MAX
from .sctp_events import InboundStreamsReset, OutboundStreamReset
from .sctp_inbound import MAX_STREAMS, Inbound
from .sctp_outbound import MAX_RETRANSMISSIONS, Outbound
from .sctp_packet import ChunkType, Parameter, build_chunk, build_parameter, parse_parameters
from .sctp_serial import TSN_MASK

__all__ = ["ResetResult", "StreamResets"]

_REQUEST = struct.Struct("!LLL")
_RESPONSE = struct.Struct("!LL")
_ADD_STREAMS = struct.Struct("!LHH")
_STREAM_ID = struct.Struct("!H")
_MAX_STREAMS_IN_REQUEST = 256


class _Kind(IntEnum):
    """Parameters of RE-CONFIG (section 4)."""

    OUTGOING_RESET = 13
    INCOMING_RESET = 14
    TSN_RESET = 15
    RESPONSE = 16
    ADD_OUTGOING = 17
    ADD_INCOMING = 18


class ResetResult(IntEnum):
    """Results of a request (section 4.4)."""

    NOTHING_TO_DO = 0
    PERFORMED = 1
    DENIED = 2
    WRONG_STREAM = 3
    ALREADY_IN_PROGRESS = 4
    BAD_SEQUENCE_NUMBER = 5
    IN_PROGRESS = 6


@dataclass(slots=True)
class _Ours:
    """A request of ours that waits for its answer."""

    sequence: int
    stream_ids: tuple[int, ...]
    chunk: bytes
    due: float
    timeout: float
    failures: int = 0


@dataclass(frozen=True, slots=True)
class _Theirs:
    """A request of the peer that waits for its data."""

    sequence: int
    last_tsn: int
    stream_ids: tuple[int, ...]


class StreamResets:
    """Requests of both sides; each side has at most one on the way.

    Args:
        outbound: our streams; a reset of ours leaves after the last message on its stream.
        inbound: the peer's.
        local_tsn: our initial TSN, the number of our first request.
        peer_tsn: the peer's.

    Attributes:
        chunks: answers to be sent; whoever drives this empties it.
        events: what was reset; likewise.
    """

    def __init__(self, outbound: Outbound, inbound: Inbound, local_tsn: int, peer_tsn: int) -> None:
        self.chunks: list[bytes] = []
        self.events: deque[InboundStreamsReset | OutboundStreamReset] = deque()
        self._outbound = outbound
        self._inbound = inbound
        self._next = local_tsn
        self._wanted: dict[int, None] = {}
        self._ours: _Ours | None = None
        self._expected = peer_tsn
        self._theirs: _Theirs | None = None
        self._last_result = ResetResult.BAD_SEQUENCE_NUMBER  # of the request before the first one

    @property
    def timer_at(self) -> float | None:
        """When our request is to be repeated, None where none is out."""
        return None if self._ours is None else self._ours.due

    @property
    def has_failed(self) -> bool:
        """Whether the peer never answers."""
        return self._ours is not None and self._ours.failures > MAX_RETRANSMISSIONS

    def want(self, stream_id: int) -> None:
        """Reset our side of a stream once nothing waits on it any more."""
        self._wanted[stream_id] = None

    def requests_to_send(self, now: float) -> list[bytes]:
        """Return our next request where none is out, or the one that is out once more when its time is over."""
        ours = self._ours
        if ours is None:
            ours = self._ours = self._next_request(now)
            return [] if ours is None else [ours.chunk]
        if now < ours.due:
            return []
        ours.failures += 1
        ours.timeout = min(2 * ours.timeout, RTO_MAX)
        ours.due = now + ours.timeout
        return [ours.chunk]

    def receive(self, value: bytes, now: float) -> DropReason | None:
        """Take the value of a RE-CONFIG chunk: one parameter, or two (section 3.1)."""
        parameters = parse_parameters(value)
        if not parameters:
            return DropReason.SCTP_MALFORMED
        refusals = [self._take(parameter, now) for parameter in parameters[:2]]
        return None if None in refusals else refusals[0]

    def data_received(self) -> None:
        """Perform the peer's request if its last data has come by now (section 5.2.2 E2)."""
        theirs = self._theirs
        if theirs is not None and self._inbound.has_everything_up_to(theirs.last_tsn):
            self._theirs = None
            self._perform(theirs)
            self._respond(theirs.sequence, ResetResult.PERFORMED)

    def presume_performed(self, stream_id: int) -> tuple[int, ...]:
        """The peer uses a stream anew that our request resets: its answer is lost, but it has performed the request.

        Returns:
            All streams of that request, whose reset is done with this; empty where no request names the stream.
        """
        ours = self._ours
        if ours is None or stream_id not in ours.stream_ids:
            return ()
        self._ours = None
        for each in ours.stream_ids:
            self._outbound.reset_stream(each)
        return ours.stream_ids

    # our requests

    def _next_request(self, now: float) -> _Ours | None:
        queue = self._outbound.queue
        silent = [stream_id for stream_id in self._wanted if not queue.has_message(stream_id)]
        stream_ids = tuple(silent[:_MAX_STREAMS_IN_REQUEST])
        if not stream_ids:
            return None
        for stream_id in stream_ids:
            del self._wanted[stream_id]
        fields = _REQUEST.pack(self._next, (self._expected - 1) & TSN_MASK, self._outbound.last_tsn)
        value = fields + b"".join(map(_STREAM_ID.pack, stream_ids))
        chunk = build_chunk(ChunkType.RE_CONFIG, 0, build_parameter(_Kind.OUTGOING_RESET, value))
        sequence = self._next
        self._next = (self._next + 1) & TSN_MASK
        timeout = self._outbound.rto.seconds
        return _Ours(sequence, stream_ids, chunk, now + timeout, timeout)

    def _take_response(self, value: bytes, now: float) -> DropReason | None:
        if len(value) < _RESPONSE.size:
            return DropReason.SCTP_MALFORMED
        sequence, result = _RESPONSE.unpack_from(value)
        ours = self._ours
        if ours is None or sequence != ours.sequence:
            return DropReason.SCTP_UNEXPECTED
        if result in (ResetResult.IN_PROGRESS, ResetResult.ALREADY_IN_PROGRESS):
            ours.failures = 0
            ours.due = now + ours.timeout
            return None
        self._ours = None
        is_done = result in (ResetResult.NOTHING_TO_DO, ResetResult.PERFORMED)
        for stream_id in ours.stream_ids:
            if is_done:
                self._outbound.reset_stream(stream_id)
            self.events.append(OutboundStreamReset(stream_id, is_done))
        return None

    # the peer's requests

    def _take(self, parameter: Parameter, now: float) -> DropReason | None:
        value = parameter.value
        if parameter.type == _Kind.RESPONSE:
            return self._take_response(value, now)
        if parameter.type == _Kind.OUTGOING_RESET:
            return self._take_reset(value)
        if parameter.type == _Kind.ADD_OUTGOING and len(value) >= _ADD_STREAMS.size:
            sequence, _, _ = _ADD_STREAMS.unpack_from(value)
            # Whatever the peer announced, identifiers up to our limit are taken; it may have all of those.
            self._decide(sequence, lambda: ResetResult.PERFORMED)
            return None
        if parameter.type in (_Kind.INCOMING_RESET, _Kind.TSN_RESET, _Kind.ADD_INCOMING) and len(value) >= 4:
            self._decide(int.from_bytes(value[:4], "big"), lambda: ResetResult.DENIED)
            return None
        return DropReason.SCTP_MALFORMED

    def _take_reset(self, value: bytes) -> DropReason | None:
        if len(value) < _REQUEST.size or (len(value) - _REQUEST.size) % _STREAM_ID.size:
            return DropReason.SCTP_MALFORMED
        sequence, _, last_tsn = _REQUEST.unpack_from(value)
        stream_ids = tuple(stream_id for (stream_id,) in _STREAM_ID.iter_unpack(value[_REQUEST.size :]))
        theirs = _Theirs(sequence, last_tsn, stream_ids)
        self._decide(sequence, lambda: self._begin(theirs))
        return None

    def _begin(self, theirs: _Theirs) -> ResetResult:
        if any(stream_id >= MAX_STREAMS for stream_id in theirs.stream_ids):
            return ResetResult.WRONG_STREAM
        if not self._inbound.has_everything_up_to(theirs.last_tsn):
            self._theirs = theirs
            return ResetResult.IN_PROGRESS
        self._perform(theirs)
        return ResetResult.PERFORMED

    def _perform(self, theirs: _Theirs) -> None:
        self._inbound.reset_streams(theirs.stream_ids)
        self.events.append(InboundStreamsReset(theirs.stream_ids))

    def _decide(self, sequence: int, decide: Callable[[], ResetResult]) -> None:
        """Answer a new request by ``decide``, the last one as before, any other with an error (section 5.2.1)."""
        if sequence == self._expected and self._theirs is None:
            self._expected = (self._expected + 1) & TSN_MASK
            self._respond(sequence, decide())
        elif sequence == (self._expected - 1) & TSN_MASK:
            self._respond(sequence, self._last_result)
        elif sequence == self._expected:
            self.chunks.append(_response(sequence, ResetResult.ALREADY_IN_PROGRESS))
        else:
            self.chunks.append(_response(sequence, ResetResult.BAD_SEQUENCE_NUMBER))

    def _respond(self, sequence: int, result: ResetResult) -> None:
        self._last_result = result
        self.chunks.append(_response(sequence, result))


def _response(sequence: int, result: ResetResult) -> bytes:
    return build_chunk(ChunkType.RE_CONFIG, 0, build_parameter(_Kind.RESPONSE, _RESPONSE.pack(sequence, result)))

"""Stream resets (RFC 6525), parameter by parameter."""

from __future__ import annotations

import struct

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.sctp_chunks import Data
from rtcsplit.session.sctp_events import InboundStreamsReset, OutboundStreamReset
from rtcsplit.session.sctp_inbound import MAX_STREAMS, Inbound
from rtcsplit.session.sctp_outbound import MAX_RETRANSMISSIONS, Outbound
from rtcsplit.session.sctp_packet import (
    Packet,
    Parameter,
    build_packet,
    build_parameter,
    parse_packet,
    parse_parameters,
)
from rtcsplit.session.sctp_reset import ResetResult, StreamResets
from rtcsplit.session.sctp_send_queue import OutboundMessage

OURS, THEIRS = 0xFFFFFFFF, 500


class Peer:
    """Resets with both halves beside them."""

    def __init__(self) -> None:
        self.outbound = Outbound(OURS)
        self.outbound.start(1_048_576, can_forward=True)
        self.inbound = Inbound(THEIRS, 65_536)
        self.resets = StreamResets(self.outbound, self.inbound, OURS, THEIRS)

    def take(self, kind: int, value: bytes, now: float = 0.0) -> DropReason | None:
        return self.resets.receive(build_parameter(kind, value), now)

    def reset(self, sequence: int, last_tsn: int, *stream_ids: int) -> DropReason | None:
        value = struct.pack("!LLL", sequence, 0, last_tsn) + b"".join(struct.pack("!H", n) for n in stream_ids)
        return self.take(13, value)

    def results(self) -> list[tuple[int, ResetResult]]:
        """What was answered since the last call."""
        found = []
        for chunk in self.resets.chunks:
            (parameter,) = parameters_of(chunk)
            assert parameter.type == 16
            sequence, result = struct.unpack("!LL", parameter.value)
            found.append((sequence, ResetResult(result)))
        self.resets.chunks.clear()
        return found

    def events(self) -> list[InboundStreamsReset | OutboundStreamReset]:
        found = list(self.resets.events)
        self.resets.events.clear()
        return found


def parameters_of(chunk: bytes) -> tuple[Parameter, ...]:
    packet = parse_packet(build_packet(1, 1, 1, [chunk]))
    assert isinstance(packet, Packet)
    found = parse_parameters(packet.chunks[0].value)
    assert found is not None
    return found


def response(sequence: int, result: int) -> bytes:
    return struct.pack("!LL", sequence, result)


# ours


def test_a_request_names_its_streams_and_the_last_tsn() -> None:
    peer = Peer()
    peer.outbound.queue.add(OutboundMessage(3, 53, b"last words"))
    peer.resets.want(3)
    assert peer.resets.requests_to_send(0.0) == []  # after the last message
    peer.outbound.chunks_to_send(0.0)
    (chunk,) = peer.resets.requests_to_send(0.0)
    assert parameters_of(chunk) == (Parameter(13, struct.pack("!LLLH", OURS, THEIRS - 1, OURS, 3)),)
    assert peer.resets.requests_to_send(0.0) == []
    assert peer.take(16, response(OURS, ResetResult.PERFORMED)) is None
    assert peer.events() == [OutboundStreamReset(3, is_done=True)]
    assert peer.resets.timer_at is None


def test_one_request_at_a_time_for_many_streams() -> None:
    peer = Peer()
    peer.resets.want(1)
    peer.resets.requests_to_send(0.0)
    for stream_id in range(2, 600):
        peer.resets.want(stream_id)
    sequences = []
    for n in range(1, 4):
        assert peer.resets.requests_to_send(0.0) == []
        peer.take(16, response((OURS + n - 1) & 0xFFFFFFFF, ResetResult.PERFORMED))
        (chunk,) = peer.resets.requests_to_send(0.0)
        assert len(chunk) < 1148
        sequences.append(struct.unpack_from("!L", parameters_of(chunk)[0].value)[0])
    assert sequences == [0, 1, 2]


@pytest.mark.parametrize("result", [ResetResult.DENIED, ResetResult.WRONG_STREAM, ResetResult.BAD_SEQUENCE_NUMBER, 99])
def test_a_refused_request_is_over(result: int) -> None:
    peer = Peer()
    peer.resets.want(1)
    peer.resets.requests_to_send(0.0)
    assert peer.take(16, response(OURS, result)) is None
    assert peer.events() == [OutboundStreamReset(1, is_done=False)]


def test_a_request_in_progress_is_repeated_without_end() -> None:
    """RFC 6525 section 5.2.7 H2."""
    peer = Peer()
    peer.resets.want(1)
    (first,) = peer.resets.requests_to_send(0.0)
    for _ in range(3 * MAX_RETRANSMISSIONS):
        assert peer.resets.timer_at is not None
        now = peer.resets.timer_at
        assert peer.resets.requests_to_send(now) == [first]
        assert peer.take(16, response(OURS, ResetResult.IN_PROGRESS), now) is None
    assert not peer.resets.has_failed
    assert peer.events() == []


def test_an_unanswered_request_fails() -> None:
    peer = Peer()
    peer.resets.want(1)
    peer.resets.requests_to_send(0.0)
    for _ in range(MAX_RETRANSMISSIONS + 1):
        assert not peer.resets.has_failed
        assert peer.resets.timer_at is not None
        assert len(peer.resets.requests_to_send(peer.resets.timer_at)) == 1
    assert peer.resets.has_failed


def test_answers_to_nothing_are_refused() -> None:
    peer = Peer()
    assert peer.take(16, response(OURS, 1)) is DropReason.SCTP_UNEXPECTED
    peer.resets.want(1)
    peer.resets.requests_to_send(0.0)
    assert peer.take(16, response(OURS + 1 & 0xFFFFFFFF, 1)) is DropReason.SCTP_UNEXPECTED
    assert peer.take(16, response(OURS, 1)) is None
    assert peer.take(16, response(OURS, 1)) is DropReason.SCTP_UNEXPECTED


# theirs


def test_the_peers_reset_is_performed_once() -> None:
    """RFC 6525 section 5.2.1: the same request again gets the same answer and has no effect."""
    peer = Peer()
    for _ in range(2):
        assert peer.reset(THEIRS, THEIRS - 1, 1, 3) is None
        assert peer.results() == [(THEIRS, ResetResult.PERFORMED)]
    assert peer.events() == [InboundStreamsReset((1, 3))]


def test_the_peers_reset_waits_for_its_data() -> None:
    """RFC 6525 section 5.2.2 E2: in progress, and performed by itself once everything is there."""
    peer = Peer()
    peer.reset(THEIRS, THEIRS + 1, 1)
    peer.reset(THEIRS, THEIRS + 1, 1)
    peer.reset(THEIRS + 1, THEIRS + 1, 3)
    assert peer.results() == [
        (THEIRS, ResetResult.IN_PROGRESS),
        (THEIRS, ResetResult.IN_PROGRESS),
        (THEIRS + 1, ResetResult.ALREADY_IN_PROGRESS),
    ]
    for n in (1, 0):
        assert peer.events() == []
        peer.inbound.receive_data(Data(THEIRS + n, 1, n, 53, b"x"))
        peer.resets.data_received()
    assert peer.results() == [(THEIRS, ResetResult.PERFORMED)]
    assert peer.events() == [InboundStreamsReset((1,))]


def test_a_reset_begins_sequence_numbers_anew() -> None:
    peer = Peer()
    for turn in range(3):
        peer.inbound.receive_data(Data(THEIRS + turn, 1, 0, 53, b"x"))
        peer.reset(THEIRS + turn, THEIRS + turn, 1)
    assert len(peer.inbound.messages) == 3


def test_other_requests_are_answered_too() -> None:
    """Streams may be added, as all of our limit is there anyway; the rest is denied."""
    peer = Peer()
    assert peer.take(17, struct.pack("!LHH", THEIRS, 16, 0)) is None
    assert peer.take(18, struct.pack("!LHH", THEIRS + 1, 16, 0)) is None
    assert peer.take(14, struct.pack("!LH", THEIRS + 2, 1)) is None
    assert peer.take(15, struct.pack("!L", THEIRS + 3)) is None
    assert peer.reset(THEIRS + 4, THEIRS - 1, MAX_STREAMS) is None
    assert peer.reset(THEIRS + 9, THEIRS - 1, 1) is None
    assert [result for _, result in peer.results()] == [
        ResetResult.PERFORMED,
        ResetResult.DENIED,
        ResetResult.DENIED,
        ResetResult.DENIED,
        ResetResult.WRONG_STREAM,
        ResetResult.BAD_SEQUENCE_NUMBER,
    ]
    assert peer.events() == []


@pytest.mark.parametrize("kind", range(13, 20))
@pytest.mark.parametrize("size", range(4))
def test_short_parameters_are_refused(kind: int, size: int) -> None:
    """H2."""
    peer = Peer()
    assert peer.take(kind, bytes(size)) is DropReason.SCTP_MALFORMED
    assert peer.resets.receive(b"", 0.0) is DropReason.SCTP_MALFORMED
    assert peer.reset(THEIRS, THEIRS - 1) is None
    assert peer.take(13, bytes(13)) is DropReason.SCTP_MALFORMED

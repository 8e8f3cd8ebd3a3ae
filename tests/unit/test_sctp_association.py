"""One association, driven packet by packet, and two of them on a link."""

from __future__ import annotations

from itertools import product

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.sctp_association import SctpAssociation
from rtcsplit.session.sctp_chunks import Cause, Data, Init, InitParameter, Sack, build_cause
from rtcsplit.session.sctp_events import AssociationCause, AssociationEnded, AssociationEstablished, SctpMessage
from rtcsplit.session.sctp_inbound import MAX_STREAMS
from rtcsplit.session.sctp_packet import (
    MAX_PACKET,
    Chunk,
    ChunkType,
    Packet,
    Parameter,
    build_chunk,
    build_packet,
    build_parameter,
    parse_packet,
    parse_parameters,
)
from rtcsplit.session.sctp_send_queue import OutboundMessage
from rtcsplit.session.sctp_state import TRANSITIONS, SctpState, SctpTrigger
from tests.link import Conditions
from tests.sctp_link import AssociationPair, association, drain

PEER_TAG = 0x11223344
PEER_TSN = 1000
PEER_INIT = Init(PEER_TAG, 1_048_576, 1024, 1024, PEER_TSN, (Parameter(0x8008, b"\xc0\x82"), Parameter(0xC000, b"")))


def packet(tag: int, *chunks: bytes, ports: tuple[int, int] = (5000, 5000)) -> bytes:
    return build_packet(*ports, tag, chunks)


def chunks_of(packets: list[bytes]) -> list[Chunk]:
    found: list[Chunk] = []
    for octets in packets:
        parsed = parse_packet(octets)
        assert isinstance(parsed, Packet)
        found += parsed.chunks
    return found


def kinds(packets: list[bytes]) -> list[ChunkType]:
    return [ChunkType(chunk.type) for chunk in chunks_of(packets)]


def init_of(packets: list[bytes]) -> Init:
    init = Init.parse(chunks_of(packets)[0])
    assert init is not None
    return init


def cookie_of(peer: SctpAssociation, now: float = 0.0, init: Init = PEER_INIT) -> tuple[int, bytes]:
    """Let ``peer`` answer an INIT; return its tag and its cookie."""
    assert peer.receive(packet(0, init.build(ChunkType.INIT)), now) is None
    answer = init_of(peer.packets_to_send(now))
    cookie = answer.parameter(InitParameter.STATE_COOKIE)
    assert cookie is not None
    return answer.tag, cookie


def established(now: float = 0.0) -> tuple[SctpAssociation, int]:
    """An association that a hand-made peer has set up, and its tag."""
    peer = association()
    tag, cookie = cookie_of(peer, now)
    assert peer.receive(packet(tag, build_chunk(ChunkType.COOKIE_ECHO, 0, cookie)), now) is None
    assert kinds(peer.packets_to_send(now)) == [ChunkType.COOKIE_ACK]
    assert drain(peer) == [AssociationEstablished(1024)]
    return peer, tag


# the table


def test_what_is_not_in_the_table_changes_nothing() -> None:
    final = set(SctpState) - {state for state, _ in TRANSITIONS}
    assert final == {SctpState.ENDED}
    reachable = {SctpState.NEW, *TRANSITIONS.values()}
    assert reachable == set(SctpState)
    missing = [pair for pair in product(SctpState, SctpTrigger) if pair not in TRANSITIONS]
    assert (SctpState.ESTABLISHED, SctpTrigger.COOKIE_ECHOED) in missing


# setting up


def test_both_ends_start_and_one_association_stands() -> None:
    """RFC 8841 section 9.3: the INITs cross."""
    pair = AssociationPair()
    pair.connect()
    pair.network.run_for(10.0)
    assert pair.left.of_type(AssociationEstablished) == pair.right.of_type(AssociationEstablished)
    assert not pair.left.drops + pair.right.drops
    assert pair.left.next_timer() is None
    assert pair.right.next_timer() is None


def test_one_end_may_start_alone() -> None:
    pair = AssociationPair()
    pair.left_end.start(pair.now)
    pair.left_end.start(pair.now)
    assert pair.network.run_until(lambda: pair.is_established)


@pytest.mark.parametrize("seed", range(8))
def test_the_handshake_survives_loss(seed: int) -> None:
    """RFC 9260 section 5.1: one association at each end, and what is said over it arrives."""
    pair = AssociationPair(Conditions(delay=0.02, jitter=0.02, loss=0.4, duplication=0.1), seed=seed)
    pair.connect()
    pair.send(OutboundMessage(1, 53, b"heard"))
    assert pair.network.run_until(lambda: bool(pair.received()), limit=60.0)
    pair.network.run_for(60.0)
    for end in (pair.left, pair.right):
        assert len(end.of_type(AssociationEstablished)) == 1
        assert not end.of_type(AssociationEnded)


def test_nobody_there_ends_it() -> None:
    peer = association()
    peer.start(0.0)
    now, inits = 0.0, 0
    while (timer := peer.next_timer()) is not None:
        inits += len(peer.packets_to_send(now))
        now = timer
        peer.handle_timer(now)
    assert drain(peer) == [AssociationEnded(AssociationCause.TIMEOUT)]
    assert inits == 9
    assert peer.packets_to_send(now) == []  # there is nobody to abort


def test_our_init_says_what_we_take() -> None:
    """H5: 1,024 streams, a window of 1 MiB, FORWARD TSN and stream resets."""
    peer = association()
    peer.start(0.0)
    (octets,) = peer.packets_to_send(0.0)
    init = init_of([octets])
    assert octets[4:8] == bytes(4)
    assert (init.outbound_streams, init.inbound_streams, init.window) == (1024, 1024, 1_048_576)
    assert init.parameter(InitParameter.SUPPORTED_EXTENSIONS) == b"\xc0\x82"


@pytest.mark.parametrize(
    ("parameters", "reported"),
    [
        ([Parameter(0xC123, b"ab")], [0xC123]),
        ([Parameter(0x8123, b"ab"), Parameter(0xC124, b"")], [0xC124]),
        ([Parameter(0x4123, b"ab"), Parameter(0xC124, b"")], [0x4123]),
        ([Parameter(0x0123, b"ab"), Parameter(0xC124, b"")], []),
        ([Parameter(5, bytes(4)), Parameter(12, bytes(4))], []),
        ([Parameter(0xC123, bytes(1000))], []),
    ],
)
def test_unknown_parameters_are_reported_as_they_wish(parameters: list[Parameter], reported: list[int]) -> None:
    """RFC 9260 section 3.2.1, in a bounded answer."""
    peer = association()
    init = Init(PEER_TAG, 1_048_576, 1, 1, 7, tuple(parameters))
    assert peer.receive(packet(0, init.build(ChunkType.INIT)), 0.0) is None
    found = [p.value for p in init_of(peer.packets_to_send(0.0)).parameters if p.type == InitParameter.UNRECOGNIZED]
    assert [parse_parameters(value)[0].type for value in found] == reported  # type: ignore[index]


# tags and ports


@pytest.mark.parametrize("tag", [0, 1, PEER_TAG, 0xFFFFFFFF])
def test_wrong_verification_tags_are_dropped_in_silence(tag: int) -> None:
    """H3: every kind of chunk under every wrong tag."""
    peer, own = established()
    assert own not in (0, 1, PEER_TAG, 0xFFFFFFFF)
    kinds_of_chunks = [kind for kind in ChunkType if kind is not ChunkType.INIT]
    reasons = {peer.receive(packet(tag, build_chunk(kind, 0, bytes(16))), 0.0) for kind in kinds_of_chunks}
    assert reasons == {DropReason.SCTP_TAG}
    assert peer.packets_to_send(0.0) == []
    assert drain(peer) == []


def test_an_init_comes_alone_and_with_tag_zero() -> None:
    """H3: RFC 9260 section 8.5.1 A."""
    peer = association()
    init = PEER_INIT.build(ChunkType.INIT)
    assert peer.receive(packet(5, init), 0.0) is DropReason.SCTP_TAG
    assert peer.receive(packet(0, init, build_chunk(ChunkType.COOKIE_ACK)), 0.0) is DropReason.SCTP_TAG
    assert peer.receive(packet(0, build_chunk(ChunkType.COOKIE_ACK), init), 0.0) is DropReason.SCTP_TAG
    assert peer.packets_to_send(0.0) == []


def test_other_ports_are_another_association() -> None:
    peer, tag = established()
    reasons = {
        peer.receive(packet(tag, build_chunk(ChunkType.HEARTBEAT), ports=ports), 0.0)
        for ports in ((5001, 5000), (5000, 5001))
    }
    assert reasons == {DropReason.SCTP_TAG}


def test_an_abort_may_reflect_our_peers_tag() -> None:
    """H3, H11: RFC 9260 section 8.5.1 B, T bit."""
    for flags, tag_is_own in ((0, True), (1, False)):
        peer, own = established()
        assert peer.receive(packet(PEER_TAG, build_chunk(ChunkType.ABORT, 0)), 0.0) is DropReason.SCTP_TAG
        assert peer.receive(packet(own, build_chunk(ChunkType.ABORT, 1)), 0.0) is DropReason.SCTP_TAG
        tag = own if tag_is_own else PEER_TAG
        assert peer.receive(packet(tag, build_chunk(ChunkType.ABORT, flags)), 0.0) is None
        assert drain(peer) == [AssociationEnded(AssociationCause.PEER_ABORTED)]


# cookies


def test_only_our_own_fresh_cookie_makes_an_association() -> None:
    """H4: changed, of another session, 61 s old."""
    peer, other = association(1), association(2)
    tag, cookie = cookie_of(peer)
    _, foreign = cookie_of(other)
    changed = cookie[:8] + bytes([cookie[8] ^ 1]) + cookie[9:]
    for hostile in (changed, foreign, cookie[:-1], b"", cookie + b"\0"):
        echo = build_chunk(ChunkType.COOKIE_ECHO, 0, hostile)
        assert peer.receive(packet(tag, echo), 1.0) is DropReason.SCTP_COOKIE
    assert peer.packets_to_send(1.0) == []
    assert peer.receive(packet(tag, build_chunk(ChunkType.COOKIE_ECHO, 0, cookie)), 61.0) is DropReason.SCTP_COOKIE
    (error,) = chunks_of(peer.packets_to_send(61.0))
    assert (error.type, parse_parameters(error.value)) == (
        ChunkType.ERROR,
        (Parameter(Cause.STALE_COOKIE, (1_000_000).to_bytes(4, "big")),),
    )
    assert peer.state is SctpState.NEW
    assert peer.receive(packet(tag, build_chunk(ChunkType.COOKIE_ECHO, 0, cookie)), 60.0) is None
    assert peer.state is SctpState.ESTABLISHED


def test_a_repeated_cookie_is_acknowledged_again_and_changes_nothing() -> None:
    """RFC 9260 section 5.2.4, action D."""
    peer = association()
    tag, cookie = cookie_of(peer)
    echo = packet(tag, build_chunk(ChunkType.COOKIE_ECHO, 0, cookie))
    for now in (0.0, 1.0, 100.0):
        assert peer.receive(echo, now) is None
        assert kinds(peer.packets_to_send(now)) == [ChunkType.COOKIE_ACK]
    assert drain(peer) == [AssociationEstablished(1024)]


def test_a_cookie_for_another_tag_does_not_replace_an_association() -> None:
    """H4: two INITs were answered; the second one's cookie comes after the first one's."""
    peer = association()
    tag, first = cookie_of(peer)
    _, second = cookie_of(peer, init=Init(PEER_TAG + 1, 1_048_576, 1, 1, 7))
    assert peer.receive(packet(tag, build_chunk(ChunkType.COOKIE_ECHO, 0, first)), 0.0) is None
    late = build_chunk(ChunkType.COOKIE_ECHO, 0, second)
    assert peer.receive(packet(tag, late), 0.0) is DropReason.SCTP_COOKIE


def test_a_stale_cookie_makes_us_begin_again() -> None:
    peer = association()
    peer.start(0.0)
    tag = init_of(peer.packets_to_send(0.0)).tag
    init_ack = Init(PEER_TAG, 1_048_576, 1, 1, 7, (Parameter(InitParameter.STATE_COOKIE, b"cookie"),))
    assert peer.receive(packet(tag, init_ack.build(ChunkType.INIT_ACK)), 0.1) is None
    assert [(c.type, c.value) for c in chunks_of(peer.packets_to_send(0.1))] == [(ChunkType.COOKIE_ECHO, b"cookie")]
    stale = build_cause(ChunkType.ERROR, Cause.STALE_COOKIE, bytes(4))
    assert peer.receive(packet(tag, stale), 0.2) is None
    assert kinds(peer.packets_to_send(0.2)) == [ChunkType.INIT]
    assert peer.state is SctpState.COOKIE_WAIT


@pytest.mark.parametrize("cookie", [None, b"", bytes(1200)], ids=["none", "empty", "too long to echo"])
def test_an_init_ack_without_a_usable_cookie_is_refused(cookie: bytes | None) -> None:
    peer = association()
    peer.start(0.0)
    tag = init_of(peer.packets_to_send(0.0)).tag
    parameters = () if cookie is None else (Parameter(InitParameter.STATE_COOKIE, cookie),)
    init_ack = Init(PEER_TAG, 1_048_576, 1, 1, 7, parameters)
    assert peer.receive(packet(tag, init_ack.build(ChunkType.INIT_ACK)), 0.1) is DropReason.SCTP_MALFORMED
    assert peer.state is SctpState.COOKIE_WAIT


def test_a_flood_of_inits_makes_no_state() -> None:
    """H11: ten thousand before the association stands, ten thousand after: one association, one answer each at most."""
    peer = association()
    size = len(peer.__dict__)
    for n in range(10_000):
        init = Init(n + 1, 1_048_576, 1024, 1024, n)
        assert peer.receive(packet(0, init.build(ChunkType.INIT)), n / 10_000) is None
        assert len(peer.packets_to_send(n / 10_000)) == 1
    assert peer.state is SctpState.NEW
    assert len(peer.__dict__) == size
    assert peer.next_timer() is None
    peer, tag = established()
    for n in range(10_000):
        init = Init(n + 1, 1_048_576, 1024, 1024, n)
        assert peer.receive(packet(0, init.build(ChunkType.INIT)), 0.5) is DropReason.SCTP_UNEXPECTED
    assert peer.packets_to_send(0.5) == []
    assert peer.receive(packet(tag, Data(PEER_TSN, 1, 0, 53, b"x").build()), 0.6) is None
    assert drain(peer) == [SctpMessage(1, 53, b"x")]


# transfer


def test_messages_of_all_sizes_arrive_in_packets_that_fit() -> None:
    pair = AssociationPair()
    pair.connect()
    sizes = [1, 2, 3, 4, 1131, 1132, 1133, 2264, 2265, 16_384, 65_535, 65_536]
    pair.send(*[OutboundMessage(1, 53, bytes([n]) * size) for n, size in enumerate(sizes)])
    assert pair.network.run_until(lambda: len(pair.received()) == len(sizes))
    assert [message.data for message in pair.received()] == [bytes([n]) * size for n, size in enumerate(sizes)]
    assert max(map(len, pair.left.sent)) == MAX_PACKET


def test_messages_wait_for_the_association() -> None:
    pair = AssociationPair()
    pair.send(OutboundMessage(1, 51, b"early"))
    pair.connect()
    assert pair.network.run_until(lambda: [message.data for message in pair.received()] == [b"early"])


def test_a_sack_leaves_with_the_data_that_answers() -> None:
    peer, tag = established()
    assert peer.receive(packet(tag, Data(PEER_TSN, 1, 0, 53, b"x").build()), 0.0) is None
    peer.send(OutboundMessage(1, 53, b"y"))
    (only,) = peer.packets_to_send(0.0)
    assert kinds([only]) == [ChunkType.SACK, ChunkType.DATA]


def test_a_batch_of_packets_gets_as_many_sacks_as_single_ones() -> None:
    peer, tag = established()
    for n in range(10):
        assert peer.receive(packet(tag, Data(PEER_TSN + n, 1, n, 53, b"x").build()), 0.0) is None
    sacks = [Sack.parse(chunk) for chunk in chunks_of(peer.packets_to_send(0.0)) if chunk.type == ChunkType.SACK]
    assert [sack.cumulative_tsn - PEER_TSN for sack in sacks if sack] == [0, 2, 4, 6, 8]
    assert peer.next_timer() is not None  # for the tenth


def test_heartbeats_are_returned_within_bounds() -> None:
    peer, tag = established()
    assert peer.receive(packet(tag, build_chunk(ChunkType.HEARTBEAT, 0, b"info")), 0.0) is None
    assert [(c.type, c.value) for c in chunks_of(peer.packets_to_send(0.0))] == [(ChunkType.HEARTBEAT_ACK, b"info")]
    huge = packet(tag, build_chunk(ChunkType.HEARTBEAT, 0, bytes(2000)))
    assert peer.receive(huge, 0.0) is DropReason.SCTP_LIMIT
    assert peer.receive(packet(tag, build_chunk(ChunkType.HEARTBEAT_ACK)), 0.0) is DropReason.SCTP_UNEXPECTED


@pytest.mark.parametrize(
    ("kind", "is_reported", "goes_on"),
    [(0x20, False, False), (0x60, True, False), (0xA0, False, True), (0xE0, True, True)],
)
def test_unknown_chunks_are_treated_as_they_wish(kind: int, is_reported: bool, goes_on: bool) -> None:
    """RFC 9260 section 3.2."""
    peer, tag = established()
    data = Data(PEER_TSN, 1, 0, 53, b"x").build()
    reason = peer.receive(packet(tag, build_chunk(kind, 0, bytes(200)), data), 0.0)
    assert reason is (None if goes_on else DropReason.SCTP_UNEXPECTED)
    assert bool(drain(peer)) == goes_on
    errors = [c for c in chunks_of(peer.packets_to_send(0.0)) if c.type == ChunkType.ERROR]
    assert len(errors) == is_reported
    assert all(len(error.value) < 100 for error in errors)


def test_data_before_and_after_the_association_is_refused() -> None:
    peer = association()
    tag, _ = cookie_of(peer)
    data = packet(tag, Data(PEER_TSN, 1, 0, 53, b"x").build())
    assert peer.receive(data, 0.0) is DropReason.SCTP_UNEXPECTED
    peer, tag = established()
    peer.close()
    assert peer.receive(packet(tag, Data(PEER_TSN, 1, 0, 53, b"x").build()), 0.0) is DropReason.SCTP_UNEXPECTED
    with pytest.raises(UsageError):
        peer.send(OutboundMessage(1, 53, b"x"))


@pytest.mark.parametrize("message", [OutboundMessage(MAX_STREAMS, 53, b"x"), OutboundMessage(1, 53, b"")])
def test_messages_that_cannot_be_sent_are_refused(message: OutboundMessage) -> None:
    with pytest.raises(UsageError):
        association().send(message)


# ending


def test_closing_aborts() -> None:
    pair = AssociationPair()
    pair.connect()
    pair.left_end.close()
    pair.left_end.close()
    assert pair.network.run_until(lambda: pair.right_end.state is SctpState.ENDED)
    assert pair.right.of_type(AssociationEnded) == [AssociationEnded(AssociationCause.PEER_ABORTED)]
    assert pair.left.next_timer() is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00",
        b"\x00\x0c\x00\x00",
        b"\xff\xff\xff\xff" + bytes(50),
        build_parameter(0xFFFF, bytes(100)) * 5,
    ],
)
def test_aborts_and_errors_with_odd_causes(value: bytes) -> None:
    """H11: an ABORT aborts whatever it says; an ERROR never does."""
    peer, tag = established()
    reason = peer.receive(packet(tag, build_chunk(ChunkType.ERROR, 0, value)), 0.0)
    assert reason in (None, DropReason.SCTP_MALFORMED)
    assert peer.state is SctpState.ESTABLISHED
    assert peer.receive(packet(tag, build_chunk(ChunkType.ABORT, 0, value)), 0.0) is None
    assert drain(peer) == [AssociationEnded(AssociationCause.PEER_ABORTED)]


def test_a_shutdown_ends_and_is_answered_as_often_as_it_comes() -> None:
    peer, tag = established()
    for _ in range(3):
        assert peer.receive(packet(tag, build_chunk(ChunkType.SHUTDOWN, 0, bytes(4))), 0.0) is None
        assert kinds(peer.packets_to_send(0.0)) == [ChunkType.SHUTDOWN_ACK]
    assert drain(peer) == [AssociationEnded(AssociationCause.PEER_SHUT_DOWN)]


def test_a_violation_is_answered_by_abort() -> None:
    """H5: a message longer than we announced."""
    peer, tag = established()
    for n in range(70):
        peer.receive(packet(tag, Data(PEER_TSN + n, 1, 0, 53, bytes(1000), n == 0, False).build()), 0.0)
    assert [event.cause for event in drain(peer) if isinstance(event, AssociationEnded)] == [AssociationCause.VIOLATION]
    assert kinds(peer.packets_to_send(0.0)) == [ChunkType.ABORT]


def test_a_peer_that_falls_silent_ends_it() -> None:
    pair = AssociationPair()
    pair.connect()
    pair.network.drop_if = lambda datagram, is_uplink: True
    pair.send(OutboundMessage(1, 53, b"x"))
    assert pair.network.run_until(lambda: pair.left_end.state is SctpState.ENDED, limit=200)
    assert pair.left.of_type(AssociationEnded) == [AssociationEnded(AssociationCause.TIMEOUT)]


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([build_chunk(0xC1)] * 128, id="unknown"),
        pytest.param([build_chunk(ChunkType.RE_CONFIG, 0, build_parameter(15, bytes(4)) * 2)] * 50, id="requests"),
        pytest.param([build_chunk(ChunkType.HEARTBEAT, 0, bytes(4))] * 128, id="heartbeats"),
        pytest.param([Data(PEER_TSN + n, MAX_STREAMS, 0, 51, b"x").build() for n in range(50)], id="streams"),
    ],
)
def test_answers_are_at_most_four_times_what_asked_for_them(chunks: list[bytes]) -> None:
    """What a packet can make us keep until we send next."""
    peer, tag = established()
    asked = packet(tag, *chunks)
    peer.receive(asked, 1.0)
    assert sum(map(len, peer.packets_to_send(1.0))) <= 4 * len(asked)


def test_answer_to_the_shortest_init_is_at_most_four_times_as_long() -> None:
    """It has the cookie; still nothing is kept."""
    peer = association()
    asked = packet(0, Init(PEER_TAG, 1_048_576, 1, 1, PEER_TSN).build(ChunkType.INIT))
    peer.receive(asked, 0.0)
    assert 0 < sum(map(len, peer.packets_to_send(0.0))) <= 4 * len(asked)

"""Associations on links that lose, repeat and reorder, and under octets of any kind."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.session.sctp_chunks import Data, ForwardTsn, Init, Sack
from rtcsplit.session.sctp_packet import Chunk, ChunkType, build_chunk, build_packet, parse_packet
from rtcsplit.session.sctp_send_queue import OutboundMessage
from tests.link import Conditions
from tests.sctp_link import AssociationPair, association

SCTP_REASONS = {reason for reason in DropReason if reason.name.startswith("SCTP_")}
SIZES = st.one_of(st.integers(1, 3000), st.sampled_from([1131, 1132, 1133, 4528, 65_535, 65_536]))
LINKS = st.builds(
    Conditions,
    delay=st.floats(0.001, 0.1),
    jitter=st.sampled_from([0.0, 0.005, 0.05]),
    loss=st.sampled_from([0.0, 0.02, 0.1, 0.25]),
    duplication=st.sampled_from([0.0, 0.1]),
)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(LINKS, st.lists(st.tuples(st.integers(0, 3), SIZES), max_size=25), st.integers(0, 2**16))
def test_every_ordered_message_arrives_once_and_in_order(
    conditions: Conditions, shape: list[tuple[int, int]], seed: int
) -> None:
    pair = AssociationPair(conditions, seed=seed)
    pair.connect(limit=200)
    made = random.Random(seed)
    messages = [(stream_id, made.randbytes(size)) for stream_id, size in shape]
    pair.send(*[OutboundMessage(stream_id, 53, data) for stream_id, data in messages])
    assert pair.network.run_until(lambda: len(pair.received()) >= len(messages), limit=600)
    assert pair.network.run_until(lambda: pair.left_end.is_idle, limit=200)
    pair.network.run_for(1.0)
    for stream_id in range(4):
        found = [message.data for message in pair.received() if message.stream_id == stream_id]
        assert found == [data for wanted, data in messages if wanted == stream_id]


@SLOW
@given(LINKS, st.lists(SIZES, max_size=25), st.integers(0, 2**16))
def test_every_unordered_message_arrives_once(conditions: Conditions, sizes: list[int], seed: int) -> None:
    pair = AssociationPair(conditions, seed=seed)
    pair.connect(limit=200)
    made = random.Random(seed)
    messages = [made.randbytes(size) for size in sizes]
    pair.send(*[OutboundMessage(1, 53, data, is_ordered=False) for data in messages])
    assert pair.network.run_until(lambda: len(pair.received()) >= len(messages), limit=600)
    assert pair.network.run_until(lambda: pair.left_end.is_idle, limit=200)
    pair.network.run_for(1.0)
    assert sorted(message.data for message in pair.received()) == sorted(messages)


@SLOW
@given(LINKS, st.lists(st.tuples(SIZES, st.booleans(), st.booleans()), max_size=25), st.integers(0, 2**16))
def test_what_is_given_up_blocks_nothing(
    conditions: Conditions, shape: list[tuple[int, bool, bool]], seed: int
) -> None:
    """H10: on one stream with others the reliable messages all arrive, in order, and the others at most once."""
    pair = AssociationPair(conditions, seed=seed)
    pair.connect(limit=200)
    made = random.Random(seed)
    messages = [
        (n.to_bytes(2, "big") + made.randbytes(max(size - 2, 0)), is_reliable, is_ordered)
        for n, (size, is_reliable, is_ordered) in enumerate(shape)
    ]
    for data, is_reliable, is_ordered in messages:
        limit = None if is_reliable else 0
        pair.send(OutboundMessage(1, 53, data, is_ordered=is_ordered or is_reliable, max_retransmits=limit))
    assert pair.network.run_until(lambda: pair.left_end.is_idle, limit=3000)
    found = [message.data for message in pair.received()]
    assert len(set(found)) == len(found)
    reliable = [data for data, is_reliable, _ in messages if is_reliable]
    assert [data for data in found if data in reliable] == reliable
    in_order = [data for data, is_reliable, is_ordered in messages if is_reliable or is_ordered]
    positions = [in_order.index(data) for data in found if data in in_order]
    assert positions == sorted(positions)


@given(st.binary(max_size=1300))
def test_any_octets_are_refused_for_a_documented_reason(octets: bytes) -> None:
    assert association().receive(octets, 0.0) in SCTP_REASONS


CHUNKS = st.builds(
    build_chunk,
    st.one_of(st.sampled_from(list(ChunkType)), st.integers(0, 255)),
    st.integers(0, 15),
    st.binary(max_size=80),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(CHUNKS, min_size=1, max_size=6)), max_size=8), st.booleans())
def test_any_chunks_with_the_right_tag_do_no_harm(
    packets: list[tuple[bool, list[bytes]]], is_established: bool
) -> None:
    """H2, H11: from the authenticated peer itself; nothing is raised, and answers stay bounded."""
    pair = AssociationPair()
    if is_established:
        pair.connect()
    else:
        pair.left_end.start(pair.now)
    tag = pair.left_end._handshake.local_tag
    for has_tag, chunks in packets:
        reason = pair.left_end.receive(build_packet(5000, 5000, tag if has_tag else 0, chunks), pair.now)
        assert reason is None or reason in SCTP_REASONS
        sent = pair.left_end.packets_to_send(pair.now)
        assert sum(map(len, sent)) <= 8 * 1160
        while pair.left_end.next_event() is not None:
            pass
        timer = pair.left_end.next_timer()
        if timer is not None:
            pair.left_end.handle_timer(timer)


@given(st.binary(max_size=200), st.integers(0, 255))
def test_values_that_parse_are_built_again_the_same(value: bytes, flags: int) -> None:
    for kind in (Data, Init, Sack, ForwardTsn):
        found = kind.parse(Chunk(0, flags, value))
        if found is not None and not isinstance(found, Init):
            packet = parse_packet(build_packet(1, 1, 1, [found.build()]))
            assert not isinstance(packet, DropReason)
            assert kind.parse(packet.chunks[0]) == found

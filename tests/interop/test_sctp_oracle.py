"""aiortc's SCTP parser and builder as oracle: both read what the other writes, octet for octet."""

from __future__ import annotations

from typing import Any

import aiortc.rtcsctptransport as oracle
from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.session.sctp_chunks import MIN_WINDOW, Data, ForwardTsn, Init, Sack
from rtcsplit.session.sctp_packet import Chunk, ChunkType, Packet, Parameter, build_packet, parse_packet

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
STREAMS = st.integers(1, 0xFFFF)
PAYLOADS = st.binary(min_size=1, max_size=1132)


def theirs(octets: bytes) -> tuple[Any, ...]:
    """Ports, tag and the one chunk, as aiortc reads a packet of ours."""
    source, destination, tag, chunks = oracle.parse_packet(build_packet(5000, 5001, 7, [octets]))
    assert (source, destination, tag) == (5000, 5001, 7)
    (chunk,) = chunks
    assert oracle.serialize_packet(5000, 5001, 7, chunk) == build_packet(5000, 5001, 7, [octets])
    return (chunk,)


def ours(chunk: Any) -> Chunk:
    """The one chunk, as we read a packet of aiortc's."""
    packet = parse_packet(oracle.serialize_packet(5000, 5001, 7, chunk))
    assert isinstance(packet, Packet)
    (found,) = packet.chunks
    return found


@given(st.builds(Data, U32, U16, U16, U32, PAYLOADS, st.booleans(), st.booleans(), st.booleans()))
def test_data(data: Data) -> None:
    (chunk,) = theirs(data.build())
    assert (chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol) == (
        data.tsn, data.stream_id, data.ssn, data.ppid,
    )  # fmt: skip
    assert chunk.user_data == data.payload
    assert chunk.flags == data.is_first * 2 | data.is_last | data.is_unordered * 4
    assert Data.parse(ours(chunk)) == data


@given(U32, U32, st.lists(st.integers(1, 500), max_size=20), st.lists(U32, max_size=8))
def test_sack(cumulative_tsn: int, window: int, steps: list[int], duplicates: list[int]) -> None:
    edge, gaps = 1, []
    for step in steps:
        gaps.append((edge + 1, edge + step))
        edge += step + 1
    sack = Sack(cumulative_tsn, window, tuple(gaps), tuple(duplicates))
    (chunk,) = theirs(sack.build())
    assert (chunk.cumulative_tsn, chunk.advertised_rwnd) == (cumulative_tsn, window)
    assert (chunk.gaps, chunk.duplicates) == (gaps, duplicates)
    assert Sack.parse(ours(chunk)) == sack


@given(
    st.builds(
        Init,
        st.integers(1, 0xFFFF_FFFF),
        st.integers(MIN_WINDOW, 0xFFFF_FFFF),
        STREAMS,
        STREAMS,
        U32,
        st.lists(st.builds(Parameter, U16, st.binary(max_size=40)), max_size=6).map(tuple),
    ),
    st.sampled_from([ChunkType.INIT, ChunkType.INIT_ACK]),
)
def test_init(init: Init, kind: ChunkType) -> None:
    source, destination, tag, (chunk,) = oracle.parse_packet(build_packet(5000, 5001, 7, [init.build(kind)]))
    assert (source, destination, tag, chunk.type) == (5000, 5001, 7, kind)
    assert (chunk.initiate_tag, chunk.advertised_rwnd, chunk.initial_tsn) == (init.tag, init.window, init.initial_tsn)
    assert (chunk.outbound_streams, chunk.inbound_streams) == (init.outbound_streams, init.inbound_streams)
    assert chunk.params == [(parameter.type, parameter.value) for parameter in init.parameters]
    assert Init.parse(ours(chunk)) == init


@given(U32, st.lists(st.tuples(U16, U16), max_size=20))
def test_forward_tsn(cumulative_tsn: int, skipped: list[tuple[int, int]]) -> None:
    forward = ForwardTsn(cumulative_tsn, tuple(skipped))
    (chunk,) = theirs(forward.build())
    assert (chunk.cumulative_tsn, chunk.streams) == (cumulative_tsn, skipped)
    assert ForwardTsn.parse(ours(chunk)) == forward

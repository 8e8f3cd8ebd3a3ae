"""Data channels under packets whose checksum and tag are right, as anybody behind DTLS can make them."""

from __future__ import annotations

import struct

import google_crc32c

from rtcsplit.drops import DropReason
from rtcsplit.session.datachannel import DataChannels
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.sctp_packet import ChunkType, build_chunk
from tests.sctp_link import ChannelPair

from .octets import Octets

__all__ = ["run", "sealed", "seeds"]

MAX_STEPS = 60
MAX_PACKET = 1200


def seeds() -> list[bytes]:
    """A chunk of each kind."""
    chunks = [build_chunk(kind, 3, bytes(16)) for kind in ChunkType]
    reset = build_chunk(ChunkType.RE_CONFIG, 0, struct.pack("!HHLLLH", 13, 18, 1, 1, 1, 0))
    return [b"".join(bytes([0, 1, len(chunk)]) + chunk for chunk in [*chunks, reset])]


def sealed(template: bytes, chunks: bytes) -> bytes:
    """A packet with the ports and tag of ``template`` and with these chunks."""
    head = template[:8]
    return head + struct.pack("<L", google_crc32c.value(head + bytes(4) + chunks)) + chunks


def run(octets: bytes) -> None:
    """A pair with an open channel; one end is given packets of the fuzzer's between those of the other."""
    pair = ChannelPair()
    pair.start()
    pair.open(ChannelParameters("fuzz"))
    target: DataChannels = pair.client
    template = pair.right.sent[-1]
    source = Octets(octets)
    for _ in range(MAX_STEPS):
        if not source:
            break
        how, pause = source.number(), source.number()
        packet = sealed(template, source.some()) if how & 1 == 0 else source.change(pair.right.sent[-1])
        reason = target.receive(packet, pair.now)
        assert reason is None or isinstance(reason, DropReason)
        pair.network.run_for(pause / 100)
    assert all(len(packet) <= MAX_PACKET for packet in pair.left.sent)

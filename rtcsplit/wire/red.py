"""Redundant audio data (RFC 2198): several encoded frames in one payload, the packet's own and older ones again.

Each copy has a header of four octets, the packet's own frame (the *primary*) one of a single octet::

    |F=1| block PT (7) | timestamp offset (14) | block length (10) |  ...  |F=0| block PT (7) |

The blocks follow in the order of their headers. Whether a block's payload type was negotiated is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..drops import DropReason
from ..errors import UsageError

__all__ = ["MAX_BLOCKS", "RedBlock", "build", "parse"]

# Specification
MAX_OFFSET = (1 << 14) - 1
MAX_LENGTH = (1 << 10) - 1
# Ours: as many as libwebrtc reads
MAX_BLOCKS = 32

_COPY_HEADER = 4


class RedBlock(NamedTuple):
    """One frame of a payload.

    Attributes:
        payload_type: of its codec, 0..127.
        offset: how much older than the packet's timestamp it is, in units of the RTP clock; 0 for the primary.
        payload: encoded; empty is legal.
    """

    payload_type: int
    offset: int
    payload: bytes


def parse(payload: bytes) -> tuple[RedBlock, ...] | DropReason:
    """Return the blocks of a payload, the primary last; ``RTP_MALFORMED`` where headers or lengths leave it."""
    headers: list[tuple[int, int, int]] = []
    at = 0
    while at < len(payload) and payload[at] & 0x80:
        if len(payload) - at < _COPY_HEADER or len(headers) == MAX_BLOCKS - 1:
            return DropReason.RTP_MALFORMED
        word = int.from_bytes(payload[at : at + _COPY_HEADER], "big")
        headers.append((word >> 24 & 0x7F, word >> 10 & MAX_OFFSET, word & MAX_LENGTH))
        at += _COPY_HEADER
    if at == len(payload):
        return DropReason.RTP_MALFORMED
    primary_type = payload[at]
    at += 1
    blocks = []
    for payload_type, offset, length in headers:
        if length > len(payload) - at:
            return DropReason.RTP_MALFORMED
        blocks.append(RedBlock(payload_type, offset, payload[at : at + length]))
        at += length
    blocks.append(RedBlock(primary_type, 0, payload[at:]))
    return tuple(blocks)


def build(copies: Sequence[RedBlock], payload_type: int, primary: bytes) -> bytes:
    """Return the payload of a packet with frame ``primary`` and ``copies`` of older ones, the oldest first.

    Raises:
        UsageError: a field is out of range, or there are too many blocks.
    """
    if len(copies) >= MAX_BLOCKS or not 0 <= payload_type <= 127:
        raise UsageError(f"at most {MAX_BLOCKS} blocks, and payload types within 0..127")
    headers, data = b"", b""
    for copy in copies:
        length = len(copy.payload)
        if not (0 <= copy.payload_type <= 127 and 0 <= copy.offset <= MAX_OFFSET and length <= MAX_LENGTH):
            raise UsageError(f"a copy is at most {MAX_LENGTH} octets, {MAX_OFFSET} units old, of a type within 0..127")
        headers += (1 << 31 | copy.payload_type << 24 | copy.offset << 10 | length).to_bytes(_COPY_HEADER, "big")
        data += copy.payload
    return headers + bytes([payload_type]) + data + primary

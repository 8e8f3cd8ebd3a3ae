"""How much time a payload stands for, in units of its RTP clock."""

from __future__ import annotations

from ..drops import DropReason
from ..session.negotiation import AudioCodec
from ..wire import red
from .opus_packet import opus_duration

__all__ = ["payload_duration"]


def payload_duration(codec: AudioCodec, payload: bytes) -> int | None:
    """Return the RTP timestamp step of a payload; None where it is empty or no payload of that codec.

    Opus says it in its first octets (RFC 6716 section 3.1); PCMU and PCMA hold one octet per sample and channel
    (RFC 3551 section 4.5.14). Of RED, which carries Opus, the packet's own frame counts.
    """
    if codec.name == "red":
        blocks = red.parse(payload)
        return None if isinstance(blocks, DropReason) else opus_duration(blocks[-1].payload)
    if codec.name == "opus":
        return opus_duration(payload)
    return len(payload) // codec.channels or None

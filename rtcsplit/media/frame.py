"""Frames of received audio, and what an outlet makes of them: the values that pass between the inbound objects."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ..session.negotiation import AudioCodec
from ..wire.rtp_extension import AudioLevel

__all__ = ["Fate", "Frame", "Step"]


class Frame(NamedTuple):
    """One encoded frame: what one payload of a codec stands for, whether it came by itself or as a copy.

    Attributes:
        stream: number of the stream that it belongs to, 0 for a call's first; a new SSRC or codec begins another.
        position: where it begins, in samples of the codec's clock since the stream began. Can be negative: a copy of
            a frame from before the first packet.
        duration: samples.
        sequence: extended sequence number of its packet; for a copy of the packet that it was first sent in, as far
            as that can be told.
        payload: as it came.
        codec: of the payload.
        media_time: where it begins, in seconds since the call's first frame.
        arrived_at: seconds.
        is_copy: came as redundancy (RFC 2198) in a later packet.
        is_late: came after the live outlet had given it up.
        level: audio level of its packet (RFC 6464); None where that has none, or it is a copy.
    """

    stream: int
    position: int
    duration: int
    sequence: int
    payload: bytes
    codec: AudioCodec
    media_time: float
    arrived_at: float
    is_copy: bool = False
    is_late: bool = False
    level: AudioLevel | None = None


class Fate(Enum):
    """What became of one stretch of the peer's audio."""

    RECEIVED = "received"  # the packet came
    COPIED = "copied"  # its packet was lost or late, a later one had it as RFC 2198 redundancy
    LATE = "late"  # it came too late for the live outlet; only the transcript outlet has these
    RECOVERED = "recovered"  # a coarser version, from the in-band redundancy of the frame after it
    CONCEALED = "concealed"  # lost: what the decoder makes up from what came before
    SILENCE = "silence"  # the peer sent nothing on purpose (discontinuous transmission)


class Step(NamedTuple):
    """The next stretch of audio of an outlet. Steps of one stream follow each other without gap or overlap.

    Attributes:
        fate: what became of it.
        media_time: where it begins, in seconds since the call's first frame.
        duration: samples of the codec's clock.
        codec: to decode it with.
        frame: ``RECEIVED``, ``COPIED`` and ``LATE``: the frame. ``RECOVERED``: the frame after it, whose redundancy
            is to be decoded now, and which comes itself in the next step. Else None.
        is_gap: media time jumps before this step, by more than is filled.
    """

    fate: Fate
    media_time: float
    duration: int
    codec: AudioCodec
    frame: Frame | None = None
    is_gap: bool = False

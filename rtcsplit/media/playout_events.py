"""What a playout says, and how it is set up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ..errors import UsageError

__all__ = [
    "OutgoingFrame",
    "PlayoutEvent",
    "PlayoutSettings",
    "SegmentFinished",
    "SegmentStarted",
    "SilencePolicy",
    "Starved",
]


class SilencePolicy(Enum):
    """What is sent while there is no speech."""

    STOP = "stop"  # a little silence, so that the listener's decoder comes to rest, then nothing
    DTX = "dtx"  # as Opus does by itself: a small packet now and then; PCMU and PCMA: as STOP
    CONTINUOUS = "continuous"  # silence is encoded and sent like speech, from the beginning


@dataclass(frozen=True, slots=True)
class PlayoutSettings:
    """Of one call's playout.

    Attributes:
        capacity: seconds of speech that may wait.
        silence: what is sent while there is none.
        hangover: seconds of silence that follow speech.
        fade: seconds that speech takes to fall silent when it is cut off.
        grid: seconds; frames leave at multiples of it, so that many calls share a wake-up. The first frame of a
            talkspurt does not wait for it.

    Raises:
        UsageError: a value is out of range.
    """

    capacity: float = 10.0
    silence: SilencePolicy = SilencePolicy.STOP
    hangover: float = 0.1
    fade: float = 0.005
    grid: float = 0.005

    def __post_init__(self) -> None:
        if not 0.1 <= self.capacity <= 600.0 or not 0.0 <= self.hangover <= 10.0:
            raise UsageError("capacity is within 0.1..600 s and hangover within 0..10 s")
        if not 0.0 < self.fade <= 0.01 or not 0.001 <= self.grid <= 0.01:
            raise UsageError("fade is within 0..10 ms and grid within 1..10 ms")


class OutgoingFrame(NamedTuple):
    """One packet to send; the arguments of ``Call.send_audio``."""

    payload: bytes
    payload_type: int
    duration: int
    gap: int
    has_marker: bool


@dataclass(frozen=True, slots=True)
class SegmentStarted:
    """The first audio of a segment has left.

    Attributes:
        segment: its name.
    """

    segment: str


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    """Nothing more of a segment will be heard. Exactly one per segment that was begun.

    Attributes:
        segment: its name.
        seconds: of it that were sent, and are heard unless the network loses them.
        is_interrupted: it was cut off by a flush; this event then comes at once, otherwise when the listener has
            heard the end.
    """

    segment: str
    seconds: float
    is_interrupted: bool


@dataclass(frozen=True, slots=True)
class Starved:
    """The listener hears silence in the middle of a segment, because its audio was not written in time.

    Attributes:
        segment: its name.
    """

    segment: str


PlayoutEvent = SegmentStarted | SegmentFinished | Starved

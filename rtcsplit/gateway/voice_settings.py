"""How a voice application hears and speaks: one value for all of its calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import UsageError
from ..media.encoding import DEFAULT_BITRATE, DEFAULT_COMPLEXITY
from ..media.playout_events import PlayoutSettings
from ..media.resample import MAX_RATE, MIN_RATE

__all__ = ["VoiceSettings"]


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Of a voice application.

    Attributes:
        input_rate: Hz, of live audio; None hands frames out as they came, without decoding.
        transcript_rate: Hz, of the transcript outlet; None as above.
        output_rate: Hz, of the audio that the application writes; None for packets of 20 ms of the negotiated codec,
            which are sent as they are.
        is_even: live audio comes in an even flow; else each frame comes as soon as its turn does.
        minimum_delay: seconds, least target of the live outlet.
        maximum_delay: seconds, after which the live outlet gives a frame up.
        patience: seconds that the transcript outlet waits for a missing frame.
        has_transcript: whether there is a transcript outlet.
        live_backlog: seconds of live audio that wait for a slow reader; the oldest is dropped.
        transcript_backlog: the same for the transcript.
        bitrate: bits per second of Opus sent, at most; the peer may want less.
        complexity: 0..10, processor time of the Opus encoder against quality.
        playout: of what the application writes.
        grace: seconds that a handler may go on after its call has ended.

    Raises:
        UsageError: a value is out of range.
    """

    input_rate: int | None = 16_000
    transcript_rate: int | None = 16_000
    output_rate: int | None = 24_000
    is_even: bool = False
    minimum_delay: float = 0.02
    maximum_delay: float = 0.2
    patience: float = 0.5
    has_transcript: bool = True
    live_backlog: float = 2.0
    transcript_backlog: float = 60.0
    bitrate: int = DEFAULT_BITRATE
    complexity: int = DEFAULT_COMPLEXITY
    playout: PlayoutSettings = field(default_factory=PlayoutSettings)
    grace: float = 5.0

    @property
    def has_codec(self) -> bool:
        """Whether anything is decoded or encoded here."""
        rates = (self.input_rate, self.transcript_rate if self.has_transcript else None, self.output_rate)
        return any(rate is not None for rate in rates)

    def __post_init__(self) -> None:
        for name in ("input_rate", "transcript_rate", "output_rate"):
            rate = getattr(self, name)
            if rate is None:
                continue
            if not isinstance(rate, int) or not MIN_RATE <= rate <= MAX_RATE:
                raise UsageError(f"{name} is within {MIN_RATE}..{MAX_RATE} Hz, not {rate!r}")
        if not 0.0 <= self.minimum_delay <= self.maximum_delay <= 1.0 or not 0.0 <= self.patience <= 10.0:
            raise UsageError("0 <= minimum_delay <= maximum_delay <= 1 s, and patience within 0..10 s")
        if min(self.live_backlog, self.transcript_backlog) < 0.1 or self.grace < 0:
            raise UsageError("a backlog is at least 0.1 s, and grace not negative")
        if not 6_000 <= self.bitrate <= 510_000 or not 0 <= self.complexity <= 10:
            raise UsageError("bitrate is within 6,000..510,000 and complexity within 0..10")

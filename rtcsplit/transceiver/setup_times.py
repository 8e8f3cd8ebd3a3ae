"""How long calls take to be set up, stage by stage, and how their handshakes end."""

from __future__ import annotations

from collections import Counter
from enum import Enum

from ..media.histogram import Histogram
from ..session.events import EndCause

__all__ = ["CallSetup", "HandshakeOutcome", "SetupStage", "SetupTimes"]

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds


class SetupStage(Enum):
    """A stage of a call's setup; the label of ``rtcsplit_session_setup_seconds``."""

    ANSWER = "answer"  # the offer was read and answered
    FIRST_CHECK = "first_check"  # from the answer to the first authenticated check
    DTLS = "dtls"  # from there to the keys
    FIRST_MEDIA = "first_media"  # from the keys to the first authentic RTP packet
    DATA_CHANNEL = "data_channel"  # from the keys to the first open data channel


class HandshakeOutcome(Enum):
    """How a DTLS handshake ended; the label of ``rtcsplit_dtls_handshakes_total``."""

    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ABANDONED = "abandoned"  # the session ended meanwhile, by another cause


_OUTCOMES = {
    EndCause.HANDSHAKE_FAILED: HandshakeOutcome.FAILED,
    EndCause.HANDSHAKE_TIMEOUT: HandshakeOutcome.TIMED_OUT,
}


class CallSetup:
    """How far one call has come.

    Args:
        answered_at: monotonic seconds.

    Attributes:
        checked_at: when the first authenticated check came.
        keys_at: when the handshake was complete.
        awaits_media: keys exist, and no RTP has come.
        awaits_channel: keys exist, and no data channel is open.
    """

    __slots__ = ("answered_at", "awaits_channel", "awaits_media", "checked_at", "keys_at")

    def __init__(self, answered_at: float) -> None:
        self.answered_at = answered_at
        self.checked_at: float | None = None
        self.keys_at: float | None = None
        self.awaits_media = self.awaits_channel = False


class SetupTimes:
    """Those of all calls of a transceiver, since its start.

    Attributes:
        stages: by stage.
        handshakes: by outcome.
    """

    def __init__(self) -> None:
        self.stages = {stage: Histogram(_BOUNDS) for stage in SetupStage}
        self.handshakes: Counter[HandshakeOutcome] = Counter()

    def answered(self, seconds: float) -> None:
        """An answer took so long."""
        self.stages[SetupStage.ANSWER].add(seconds)

    def checked(self, setup: CallSetup, now: float) -> None:
        """An authenticated check came; only the first one counts."""
        if setup.checked_at is None:
            setup.checked_at = now
            self._add(SetupStage.FIRST_CHECK, setup.answered_at, now)

    def connected(self, setup: CallSetup, now: float) -> None:
        """The handshake is complete."""
        setup.keys_at = now
        setup.awaits_media = setup.awaits_channel = True
        self.handshakes[HandshakeOutcome.COMPLETED] += 1
        self._add(SetupStage.DTLS, setup.checked_at, now)

    def heard(self, setup: CallSetup, now: float) -> None:
        """The first RTP packet came."""
        setup.awaits_media = False
        self._add(SetupStage.FIRST_MEDIA, setup.keys_at, now)

    def opened(self, setup: CallSetup, now: float) -> None:
        """A data channel is open; only the first one counts."""
        if setup.awaits_channel:
            setup.awaits_channel = False
            self._add(SetupStage.DATA_CHANNEL, setup.keys_at, now)

    def ended(self, setup: CallSetup, cause: EndCause) -> None:
        """The call is over; where its handshake was under way, that ended with it."""
        if setup.checked_at is not None and setup.keys_at is None:
            self.handshakes[_OUTCOMES.get(cause, HandshakeOutcome.ABANDONED)] += 1

    def _add(self, stage: SetupStage, since: float | None, now: float) -> None:
        if since is not None:
            self.stages[stage].add(max(0.0, now - since))

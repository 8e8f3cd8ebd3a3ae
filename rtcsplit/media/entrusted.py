"""What a batch may do with the media of an RTP session without asking it, and what it did.

C counts plain packets of known sources and sends them back where the call echoes (``csrc/rtp_session.h``), with the
same numbers that the RTP session has; here it is told how far that goes, and what it kept for Python is read.
"""

from __future__ import annotations

from .._native.rtp_session import FORMAT_OPUS, FORMAT_RED, FORMAT_SAMPLES, NativeRtpSession, RtpCodec
from ..session.negotiation import AudioNegotiation
from ..wire.rtp import RtpPacket
from ..wire.rtp_extension import AUDIO_LEVEL_URI
from ..wire.transport_feedback import TRANSPORT_SEQUENCE_URI
from .circuit_breaker import CircuitBreaker
from .feedback import FeedbackExchange
from .sources import SourceTable

__all__ = ["EntrustedMedia"]

_FORMATS = {"opus": FORMAT_OPUS, "red": FORMAT_RED}


class EntrustedMedia:
    """The part of an RTP session that is in C.

    Args:
        negotiation: of the audio section.

    Attributes:
        native: for who opens batches, and for the stream that we send.
    """

    __slots__ = ("_may_send", "native")

    def __init__(self, negotiation: AudioNegotiation) -> None:
        self.native = NativeRtpSession(
            transport_id=negotiation.extensions.get(TRANSPORT_SEQUENCE_URI, 0),
            audio_level_id=negotiation.extensions.get(AUDIO_LEVEL_URI, 0),
            allows_two_byte=negotiation.allows_mixed_extensions,
        )
        self.negotiate(negotiation)

    def negotiate(self, negotiation: AudioNegotiation) -> None:
        """Follow a later answer."""
        direction = negotiation.direction
        self._may_send = direction.may_send
        self.native.negotiate(
            [
                RtpCodec(
                    codec.payload_type,
                    _FORMATS.get(codec.name, FORMAT_SAMPLES),
                    codec.channels,
                    codec.clock_rate,
                    is_inbound=direction.may_receive,
                )
                for codec in negotiation.formats
            ]
        )

    def renew(
        self,
        path: bytes | None,
        sources: SourceTable,
        feedback: FeedbackExchange,
        circuit: CircuitBreaker,
        *,
        echoes: bool,
        delivers: bool,
    ) -> None:
        """Say what may be done from now on, until something else happens to the session.

        Args:
            path: where media comes from and goes to, packed as ``_native.batch.PATH``; None: each packet is asked for.
            sources: of the session.
            feedback: likewise.
            circuit: likewise.
            echoes: send each packet back.
            delivers: hand the packets up.
        """
        native, missing = self.native, feedback.missing
        is_asked_for = missing is not None and missing.ssrc is None  # gaps are watched from the first packet on
        if path is None or is_asked_for:
            native.close()
            feedback.leaves_alone = False
            return
        if sources.has_changed:
            sources.has_changed = False
            native.know(sources.latest)
        if missing is not None and missing.ssrc is not None:
            native.watch(missing.ssrc, missing.highest)
        send_from, send_until = circuit.window
        native.answer(
            echoes=echoes and self._may_send,
            delivers=delivers,
            send_from=send_from,
            send_until=send_until,
            reports_arrivals=feedback.is_reduced,
        )
        feedback.leaves_alone = feedback.is_reduced
        native.open(path)

    def catch_up(self, feedback: FeedbackExchange) -> tuple[float, float]:
        """Say what came since, and return when the latest packet was taken, and when one was sent; 0: never."""
        if feedback.history is not None:
            for datagram, sent_at in self.native.take_sent():
                feedback.history.keep(datagram, sent_at)
        watched = self.native.take_watched()
        if feedback.missing is not None and watched is not None:
            feedback.missing.highest = watched
        return self.native.heard_at, self.native.sent_at

    def echo(self, packet: RtpPacket, now: float) -> bytes | None:
        """Return the packet that sends a received one's payload back, where a batch did not; None for nothing.

        Timestamps keep the distances of what came: a gap of discontinuous transmission stays a gap. A packet that
        comes late follows the one that overtook it, without one. Nothing goes back where the direction does not let us
        send, the payload stands for no time, or it is longer than 1,172 octets.
        """
        if not self._may_send:
            return None
        return self.native.echo(packet.payload_type, packet.payload, packet.timestamp, marker=packet.marker, now=now)

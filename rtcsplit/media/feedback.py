"""The feedback of an RTP session, both ways: NACK, key frame requests, transport-wide feedback (RFC 4585).

What the peer asks for is bounded here: how many messages count, what is sent again, and how often (row T23 of the
protocol checklist). What we ask for leaves at once and not by the timing rules of RFC 4585 section 3.5, which spread
the feedback of a crowd; its own budgets bound it.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._native.arrivals import NativeArrivals
from ..session.negotiation import AudioNegotiation
from ..wire import rtcp
from ..wire.feedback import PayloadFeedback, TransportLayerFeedback, build_nack, parse_fir, parse_nack
from ..wire.rtp import RtpPacket
from ..wire.rtp_extension import find_element
from ..wire.transport_feedback import TRANSPORT_SEQUENCE_URI, parse_transport_feedback
from .budget import Budget
from .key_frame_requests import KeyFrameRequests
from .missing_packets import MissingPackets
from .outbound import OutboundStream
from .packet_history import PacketHistory
from .remote_report import RemoteReport

__all__ = ["FeedbackExchange"]

# All ours
MESSAGES_PER_SECOND = 100  # of the peer's feedback messages that count
MAX_NACK_OCTETS = 256  # 64 items, more packets than are kept


class FeedbackExchange:
    """Hears the peer's feedback and gives ours, as far as it was negotiated.

    Attributes:
        missing: the peer's packets that did not come; None without NACK.
        arrivals: when they came, as batches note it too; None without transport-wide feedback.
        history: our packets; None without NACK.
        key_frames: asked of us.
        received: messages about our source.
        ignored: messages about other sources, and those beyond the budget.
        broken: messages that contradict themselves.
        nacks_received: NACKs among those received.
        nacks_sent: ours.
        is_reduced: a message may leave alone, without a report in front of it (RFC 5506).
        leaves_alone: transport-wide feedback leaves in the batch that finds it due; what the last packets before a
            silence are due waits for the next report.
    """

    def __init__(
        self,
        negotiation: AudioNegotiation,
        cname: str,
        stream: OutboundStream,
        remote: RemoteReport,
        arrivals: NativeArrivals | None,
        now: float,
    ) -> None:
        has_nack = any("nack" in codec.feedback for codec in negotiation.codecs)
        self._transport_id = negotiation.extensions.get(TRANSPORT_SEQUENCE_URI)
        self.missing = MissingPackets(now) if has_nack else None
        self.history = PacketHistory() if has_nack else None
        self.arrivals = arrivals
        self.leaves_alone = False
        self.key_frames = KeyFrameRequests()
        self.received = self.ignored = self.broken = self.nacks_received = 0
        self.nacks_sent = 0
        self.is_reduced = negotiation.has_reduced_size_rtcp
        self._cname = cname
        self._stream = stream
        self._remote = remote
        self._budget = Budget(MESSAGES_PER_SECOND, MESSAGES_PER_SECOND, now)
        self._again: list[bytes] = []
        self._due_told: float | None = None

    @property
    def transport_feedback_sent(self) -> int:
        """Our transport-wide feedback messages, those of batches included."""
        return 0 if self.arrivals is None else self.arrivals.messages

    @property
    def has_news(self) -> bool:
        """Whether datagrams are to be sent again, or :meth:`next_timer` would say something else than last time."""
        return bool(self._again) or self._due != self._due_told

    def next_timer(self) -> float | None:
        """Return when :meth:`messages_to_send` has something, None for never."""
        self._due_told = self._due
        return self._due_told

    @property
    def _due(self) -> float | None:
        missing = None if self.missing is None else self.missing.due
        arrivals = None if self.arrivals is None or self.leaves_alone else self.arrivals.due
        return arrivals if missing is None else missing if arrivals is None else min(missing, arrivals)

    def receive(self, message: rtcp.Feedback, now: float) -> None:
        """Take a message of the peer."""
        is_fir = message.packet_type == rtcp.PacketType.PSFB and message.format == PayloadFeedback.FIR
        if (message.media_ssrc != self._stream.ssrc and not is_fir) or not self._budget.take(now):
            self.ignored += 1
        elif is_fir:
            self._take_fir(message, now)
        elif message.packet_type == rtcp.PacketType.RTPFB:
            self.received += 1
            self._take_transport_layer(message, now)
        else:
            self.received += 1
            if message.format == PayloadFeedback.PLI:
                self.key_frames.take_pli(now)

    def note_arrival(self, packet: RtpPacket, now: float) -> bool:
        """Take note of an authentic packet for transport-wide feedback, whether or not it counts otherwise.

        Returns:
            Whether feedback is due.
        """
        assert self.arrivals is not None
        assert self._transport_id is not None
        value = find_element(packet.extension_profile, packet.extension, self._transport_id)
        if value is not None and len(value) == 2:
            self.arrivals.note(value[0] << 8 | value[1], packet.ssrc, now)
        due = self.arrivals.due
        return due is not None and now >= due

    def messages_to_send(self, now: float) -> list[bytes]:
        """Return the plain RTCP datagrams that are due."""
        messages = (*self._nacks(now), *self._transport_feedback(now))
        return [self._datagram(message) for message in messages]

    def take_again(self) -> list[bytes]:
        """Return the datagrams to send again, and forget that they were asked for."""
        again, self._again = self._again, []
        return again

    def _take_fir(self, message: rtcp.Feedback, now: float) -> None:
        """The sources that a FIR is about are inside of it (RFC 5104 section 4.3.1.2)."""
        entries = parse_fir(message.control_information)
        if entries is None:
            self.broken += 1
            return
        numbers = [entry.number for entry in entries if entry.ssrc == self._stream.ssrc]
        if not numbers:
            self.ignored += 1
            return
        self.received += 1
        self.key_frames.take_fir(numbers[0], now)

    def _take_transport_layer(self, message: rtcp.Feedback, now: float) -> None:
        control_information = message.control_information
        if message.format == TransportLayerFeedback.NACK:
            numbers = parse_nack(control_information) if len(control_information) <= MAX_NACK_OCTETS else None
            if numbers is None:
                self.broken += 1
                return
            self.nacks_received += 1
            if self.history is not None:
                self._again += self.history.choose(message.media_ssrc, numbers, self._remote.round_trip_time, now)
        elif message.format == TransportLayerFeedback.TRANSPORT_WIDE:
            # We number no packets transport-wide, so there is nothing to learn from it.
            self.broken += parse_transport_feedback(control_information) is None

    def _nacks(self, now: float) -> list[rtcp.Feedback]:
        missing = self.missing
        if missing is None or missing.due is None or now < missing.due:
            return []
        numbers = missing.take(self._remote.round_trip_time, now)
        if missing.ssrc is None or not numbers:
            return []
        self.nacks_sent += 1
        return [self._transport_layer(TransportLayerFeedback.NACK, missing.ssrc, build_nack(numbers))]

    def _transport_feedback(self, now: float) -> list[rtcp.Feedback]:
        if self.arrivals is None or self.arrivals.due is None or now < self.arrivals.due:
            return []
        kind, ssrc = TransportLayerFeedback.TRANSPORT_WIDE, self.arrivals.ssrc
        return [self._transport_layer(kind, ssrc, content) for content in self.arrivals.take(now)]

    def _transport_layer(self, kind: TransportLayerFeedback, media_ssrc: int, content: bytes) -> rtcp.Feedback:
        return rtcp.Feedback(rtcp.PacketType.RTPFB, kind, self._stream.ssrc, media_ssrc, content)

    def _datagram(self, message: rtcp.Feedback) -> bytes:
        """Alone where both sides agreed on that (RFC 5506), else behind an empty report (RFC 4585 section 3.1)."""
        members: Sequence[rtcp.Member] = (message,)
        if not self.is_reduced:
            ssrc = self._stream.ssrc
            about_us = rtcp.SdesChunk(ssrc, ((rtcp.SdesItem.CNAME, self._cname.encode()),))
            members = (rtcp.ReceiverReport(ssrc), rtcp.SourceDescription((about_us,)), message)
        return rtcp.build(members)

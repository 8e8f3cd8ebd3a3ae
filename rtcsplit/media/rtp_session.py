"""One RTP session with one peer: plain RTP and RTCP in and out, statistics and reports (RFC 3550).

Sans-IO: whoever owns it decrypts before and encrypts after, and after each call drains ``rtcp_to_send`` and asks for
``next_timer``. Nothing that a packet holds raises.

An RTP session is the RFC's noun; it lives inside a *session* of ours, which adds ICE, DTLS and SRTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._native.rtp_session import MAX_PAYLOAD
from ..drops import DropReason
from ..errors import UsageError
from ..session.negotiation import AudioNegotiation
from ..wire import red
from ..wire.rtp import RtpPacket, parse
from ..wire.rtp_extension import AUDIO_LEVEL_URI, MID_URI, ONE_BYTE_PROFILE, find_element, is_two_byte
from .circuit_breaker import DEFAULT_INTERVALS
from .entrusted import EntrustedMedia
from .outbound import OutboundStream
from .remote_report import RemoteReport
from .rtcp_exchange import RtcpExchange
from .source import InboundSource
from .sources import SourceTable
from .statistics import RtpStatistics

__all__ = ["RtpSession"]


class RtpSession:
    """The peer's sources, our one stream, and the reports on both.

    Attributes:
        keeps_packets: whether the peer may ask for packets again, so that each one sent has to go through :meth:`keep`.
        entrusted: what a batch may do without asking; see :meth:`entrust`.
    """

    __slots__ = (
        "_allows_two_byte",
        "_audio_level_id",
        "_circuit",
        "_feedback",
        "_has_arrivals",
        "_inbound_clocks",
        "_is_closed",
        "_is_stirred",
        "_mid",
        "_mid_id",
        "_missing",
        "_outbound_clocks",
        "_payload_type",
        "_red_type",
        "_rtcp",
        "_sources",
        "_stream",
        "entrusted",
        "keeps_packets",
    )

    def __init__(
        self,
        negotiation: AudioNegotiation,
        cname: str,
        random: Callable[[int], bytes],
        now: float,
        *,
        ntp_offset: float,
        ssrc: int | None = None,
        silent_intervals: int = DEFAULT_INTERVALS,
    ) -> None:
        """Begin; the first report is due 0.5 to 1.5 s after ``now``, so that is when SRTP has its keys.

        Args:
            negotiation: of the audio section.
            cname: ours, 1 to 255 octets; see ``wire.rtcp.random_cname``.
            random: returns that many random octets.
            now: monotonic seconds.
            ntp_offset: unix time less monotonic time, in seconds.
            ssrc: ours, if the answer named one; else it is random.
            silent_intervals: report intervals of 5 s without a report of the peer, after which media is withheld;
                0 for never.

        Raises:
            UsageError: ``cname`` is empty or too long.
        """
        if not 1 <= len(cname.encode()) <= 255:
            raise UsageError("a CNAME has 1 to 255 octets")
        self._is_closed = False
        self.entrusted = EntrustedMedia(negotiation)
        self.renegotiate(negotiation)
        preferred = negotiation.codecs[0]
        self._payload_type = preferred.payload_type
        self._red_type = None if negotiation.red is None else negotiation.red.payload_type
        self._mid_id = negotiation.extensions.get(MID_URI)
        self._audio_level_id = negotiation.extensions.get(AUDIO_LEVEL_URI)
        self._sources = SourceTable()
        self._stream = OutboundStream(ssrc, preferred.clock_rate, random, self.entrusted.native.stream)
        self._rtcp = RtcpExchange(
            negotiation,
            cname,
            self._stream,
            self._sources,
            random,
            self.entrusted.native.arrivals,
            now,
            ntp_offset=ntp_offset,
            silent_intervals=silent_intervals,
        )
        self._allows_two_byte = negotiation.allows_mixed_extensions
        self._feedback = self._rtcp.feedback
        self._has_arrivals = self._feedback.arrivals is not None
        self._missing = self._feedback.missing
        self._circuit = self._rtcp.circuit
        self.keeps_packets = self._feedback.history is not None
        if self.keeps_packets:
            self.entrusted.native.keep_sent()
        self._is_stirred = False

    def renegotiate(self, negotiation: AudioNegotiation) -> None:
        """Follow a later answer: its direction, its section, and formats that are no more than before."""
        if self._is_closed:
            return
        clocks = {codec.payload_type: codec.clock_rate for codec in negotiation.formats}
        # Payload type to clock rate. Where nothing may come in, no payload type was negotiated towards us.
        self._inbound_clocks: Mapping[int, int] = clocks if negotiation.direction.may_receive else {}
        self._outbound_clocks: Mapping[int, int] = clocks if negotiation.direction.may_send else {}
        self._mid = negotiation.mid.encode()
        self.entrusted.negotiate(negotiation)

    @property
    def ssrc(self) -> int:
        """Of what we send; a collision changes it (RFC 3550 section 8.2)."""
        return self._stream.ssrc

    def receive_rtp(self, packet: bytes, now: float) -> RtpPacket | DropReason:
        """Take one plain RTP packet.

        Returns:
            The packet, counted; its payload is empty where it is padding alone, which carries no audio. Or why it
            went nowhere: ``TOO_SHORT``, ``RTP_MALFORMED``, ``RTP_PAYLOAD_TYPE``, ``RTP_PROBATION``,
            ``RTP_SOURCE_LIMIT``, ``SESSION_CLOSED``.
        """
        parsed = parse(packet, self._audio_level_id)
        return parsed if isinstance(parsed, DropReason) else self.receive_parsed(parsed, now)

    def receive_parsed(self, packet: RtpPacket, now: float) -> RtpPacket | DropReason:
        """Take one plain RTP packet that was parsed already; as :meth:`receive_rtp`."""
        profile = packet.extension_profile
        if profile is not None and profile != ONE_BYTE_PROFILE and not self._allows_two_byte and is_two_byte(profile):
            # RFC 8285 section 4.1.2
            packet = packet._replace(extension_profile=None, extension=b"", audio_level=None)
        if self._has_arrivals and profile is not None:
            is_due = self._feedback.note_arrival(packet, now)
            self._is_stirred = self._is_stirred or is_due or self._feedback.has_news
        clock_rate = self._inbound_clocks.get(packet.payload_type)
        if clock_rate is None:
            return DropReason.SESSION_CLOSED if self._is_closed else DropReason.RTP_PAYLOAD_TYPE
        if (
            packet.payload_type == self._red_type
            and packet.payload
            and isinstance(red.parse(packet.payload), DropReason)
        ):
            return DropReason.RTP_MALFORMED
        source = self._sources.get(packet.ssrc)
        if source is None:
            made = self._new_source(packet, clock_rate, now)
            if isinstance(made, DropReason):
                return made
            source = made
        if source.receive(packet.sequence_number, packet.timestamp, len(packet.payload), clock_rate, now):
            if self._missing is not None:
                self._missing.note(packet.ssrc, packet.sequence_number, now)
                self._is_stirred = self._is_stirred or self._feedback.has_news
            return packet
        return DropReason.RTP_PROBATION

    def receive_rtcp(self, packet: bytes, now: float) -> DropReason | None:
        """Take one plain RTCP datagram, compound or reduced-size (RFC 5506).

        Returns:
            None where it was taken, with unknown or broken members skipped. Or why it had no effect at all:
            ``RTCP_MALFORMED``, ``RTCP_RATE``, ``SESSION_CLOSED``.
        """
        if self._is_closed:
            return DropReason.SESSION_CLOSED
        self._is_stirred = True
        return self._rtcp.receive(packet, now)

    def send(
        self,
        payload: bytes,
        *,
        duration: int,
        payload_type: int | None = None,
        marker: bool = False,
        gap: int | None = None,
        now: float,
    ) -> bytes:
        """Return the plain RTP packet that carries ``payload``.

        Args:
            payload: 1 to 1,172 octets.
            duration: of the payload, in units of its RTP clock; see ``media.duration.payload_duration``.
            payload_type: a negotiated one; the preferred codec's where None.
            marker: set it although the packet follows no silence. The first packet has it always.
            gap: silence before this packet in units of the RTP clock, which sets no marker by itself. Where None it
                is derived from ``now``: if what was sent before ended more than 0.1 s ago that was a silence, the
                timestamp jumps over it, and the marker is set (RFC 3551 section 4.1).
            now: monotonic seconds.

        Raises:
            UsageError: an argument is out of range, the direction does not let us send, or ``goodbye`` was called;
                nothing changed.
        """
        chosen = self._payload_type if payload_type is None else payload_type
        clock_rate = self._outbound_clocks.get(chosen)
        if clock_rate is None:
            raise UsageError(f"payload type {chosen} cannot be sent: not negotiated in this direction, or closed")
        if not 1 <= len(payload) <= MAX_PAYLOAD:
            raise UsageError(f"a payload of {len(payload)} octets is not within 1..{MAX_PAYLOAD}")
        if duration <= 0 or (gap is not None and gap < 0):
            raise UsageError("duration has to be positive and gap not negative")
        return self._stream.packet(
            payload,
            payload_type=chosen,
            clock_rate=clock_rate,
            duration=duration,
            gap=gap,
            marker=marker,
            now=now,
        )

    def entrust(self, path: bytes | None, *, echoes: bool, delivers: bool) -> None:
        """Let batches take media; arguments as of :meth:`.EntrustedMedia.renew`."""
        path = None if self._is_closed else path
        self.entrusted.renew(path, self._sources, self._feedback, self._circuit, echoes=echoes, delivers=delivers)

    def catch_up(self) -> tuple[float, float]:
        """Take note of what batches did; as :meth:`.EntrustedMedia.catch_up`."""
        return self.entrusted.catch_up(self._feedback)

    @property
    def has_rtcp(self) -> bool:
        """Whether there may be more to do than media: RTCP, datagrams to repeat, or a timer that came nearer."""
        return self._is_stirred

    def rtcp_to_send(self, now: float) -> list[bytes]:
        """Return the plain compound packets that wait to be protected and sent, and forget them."""
        return [] if self._is_closed else self._rtcp.take_waiting(now)

    def withholds(self, now: float) -> bool:
        """Whether a packet that is to be sent now must not be, because the peer has stopped reporting (RFC 8083).

        Nothing else in this object changes, but that it is counted. What is sent all the same is not refused.
        """
        return self._circuit.withholds(now)

    def keep(self, datagram: bytes, now: float) -> None:
        """Keep what became of a packet of :meth:`send`, protected, in case that the peer asks for it again."""
        if self._feedback.history is not None:
            self._feedback.history.keep(datagram, now)

    def datagrams_to_repeat(self) -> list[bytes]:
        """Return the datagrams of :meth:`keep` that the peer asked for, to be sent as they are, and forget that."""
        return self._feedback.take_again()

    def next_timer(self) -> float | None:
        """Return when ``handle_timer`` wants to be called; None after ``goodbye``."""
        self._is_stirred = False
        return None if self._is_closed else self._rtcp.next_timer()

    def handle_timer(self, now: float) -> None:
        """Make the regular report if it is due, and forget sources that are gone."""
        if not self._is_closed:
            self._rtcp.handle_timer(now)

    def goodbye(self, now: float) -> bytes:
        """Return the last compound packet, with BYE; afterwards nothing is sent or taken.

        Raises:
            UsageError: it was called before.
        """
        if self._is_closed:
            raise UsageError("goodbye was said already")
        self._is_closed = True
        self._inbound_clocks = self._outbound_clocks = {}
        self._rtcp.take_waiting(now)
        return self._rtcp.report(now, leaving=True)[-1]

    @property
    def remote_report(self) -> RemoteReport:
        """What the peer said last of what we send; changes with the next report."""
        return self._rtcp.remote

    @property
    def statistics(self) -> RtpStatistics:
        """What was seen so far."""
        packets, octets, lost = self._sources.totals()
        sources = self._sources.statistics()
        remote = self._rtcp.remote
        feedback, history = self._feedback, self._feedback.history
        return RtpStatistics(
            packets_received=packets,
            octets_received=octets,
            packets_lost=lost,
            jitter=sources[0].jitter if sources else 0.0,
            packets_sent=self._stream.packets_sent,
            octets_sent=self._stream.octets_sent,
            round_trip_time=remote.round_trip_time,
            fraction_lost=remote.fraction_lost,
            remote_packets_lost=remote.packets_lost,
            remote_jitter=remote.jitter,
            rtcp_members_skipped=self._rtcp.members_skipped,
            feedback_received=feedback.received,
            feedback_ignored=feedback.ignored,
            nacks_received=feedback.nacks_received,
            nacks_sent=feedback.nacks_sent,
            packets_repaired=0 if self._missing is None else self._missing.repaired,
            packets_resent=0 if history is None else history.packets_resent,
            octets_resent=0 if history is None else history.octets_resent,
            transport_feedback_sent=feedback.transport_feedback_sent,
            key_frame_requests=feedback.key_frames.count,
            packets_withheld=self._rtcp.circuit.packets_withheld,
            sources=sources,
        )

    def _new_source(self, packet: RtpPacket, clock_rate: int, now: float) -> InboundSource | DropReason:
        self._is_stirred = True
        if self._mid_id is not None:
            mid = find_element(packet.extension_profile, packet.extension, self._mid_id)
            if mid is not None and mid != self._mid:
                return DropReason.RTP_PAYLOAD_TYPE  # of a section that negotiated none (RFC 9143 section 9.2)
        if self._sources.is_full:
            return DropReason.RTP_SOURCE_LIMIT
        if packet.ssrc == self._stream.ssrc:
            self._rtcp.resolve_collision(now)
        source = InboundSource(packet.ssrc, packet.sequence_number, clock_rate, now)
        self._sources.add(source)
        return source

"""The RTCP half of an RTP session: reports out, reports and BYE in, feedback passed on (RFC 3550 section 6)."""

from __future__ import annotations

from collections.abc import Callable

from .._native.arrivals import NativeArrivals
from ..drops import DropReason
from ..session.negotiation import AudioNegotiation
from ..wire import rtcp
from ..wire.ntp import ntp_from_unix
from .budget import Budget
from .circuit_breaker import CircuitBreaker
from .feedback import FeedbackExchange
from .outbound import OutboundStream
from .remote_report import RemoteReport
from .reports import MINIMUM_INTERVAL, ReportSchedule, compound_packets
from .sources import SourceTable

__all__ = ["RtcpExchange"]

# RFC 3550 section 6.3.5: whoever is silent for so many report intervals is gone
TIMEOUT_INTERVALS = 5
# Ours: a peer that copies our SSRC again and again has no other reason than to make us work
MAX_COLLISIONS = 4
# Ours: datagrams of RTCP that are read, 200 in any second. A browser sends up to 20.
DATAGRAMS_PER_SECOND, DATAGRAMS_AT_ONCE = 150, 50


class RtcpExchange:
    """Tells the peer of our stream and of its sources, and hears what it tells us.

    Attributes:
        remote: the peer's view of our stream.
        feedback: what either side says of packets between reports.
        circuit: whether its reports let us send.
    """

    def __init__(
        self,
        negotiation: AudioNegotiation,
        cname: str,
        stream: OutboundStream,
        sources: SourceTable,
        random: Callable[[int], bytes],
        arrivals: NativeArrivals | None,
        now: float,
        *,
        ntp_offset: float,
        silent_intervals: int,
    ) -> None:
        self.remote = RemoteReport()
        self.feedback = FeedbackExchange(negotiation, cname, stream, self.remote, arrivals, now)
        self.circuit = CircuitBreaker(silent_intervals)
        self._members_skipped = 0
        self._budget = Budget(DATAGRAMS_PER_SECOND, DATAGRAMS_AT_ONCE, now)
        self._cname = cname
        self._stream = stream
        self._sources = sources
        self._ntp_offset = ntp_offset
        self._schedule = ReportSchedule(random, now)
        self._sent_at_reports = (0, 0)  # packets at the report before the latest, and at the latest
        self._waiting: list[bytes] = []

    def next_timer(self) -> float:
        """Return when the next report or feedback is to be made."""
        feedback = self.feedback.next_timer()
        return self._schedule.due if feedback is None else min(feedback, self._schedule.due)

    @property
    def members_skipped(self) -> int:
        """RTCP packets in sound datagrams that are unknown or broken."""
        return self._members_skipped + self.feedback.broken

    def receive(self, packet: bytes, now: float) -> DropReason | None:
        """Take one datagram; as ``RtpSession.receive_rtcp``."""
        if not self._budget.take(now):
            return DropReason.RTCP_RATE
        compound = rtcp.parse(packet)
        if isinstance(compound, DropReason):
            return compound
        self._schedule.note_size(len(packet))
        self._members_skipped += compound.skipped
        for member in compound.members:
            self._handle(member, now)
        return None

    def handle_timer(self, now: float) -> None:
        """Make the regular report if it is due, and forget sources that are gone."""
        if now < self._schedule.due:
            return
        self._sources.expire(TIMEOUT_INTERVALS * max(MINIMUM_INTERVAL, self._schedule.interval), now)
        packets = self.report(now)
        for packet in packets:
            self._schedule.note_size(len(packet))
        self._waiting += packets
        self._schedule.reported(1 + len(self._sources), now)

    def take_waiting(self, now: float) -> list[bytes]:
        """Return the packets that wait to be sent, and forget them."""
        waiting, self._waiting = self._waiting, []
        return waiting + self.feedback.messages_to_send(now)

    def report(self, now: float, *, leaving: bool = False) -> list[bytes]:
        """Return the compound packets of a report made now, the last one with BYE when leaving."""
        stream = self._stream
        before, latest = self._sent_at_reports
        self._sent_at_reports = (latest, stream.ssrc_packets_sent)
        sender_info = None
        if stream.ssrc_packets_sent > before:  # RFC 3550 section 6.4: since the latest report or the one before
            sender_info = (
                ntp_from_unix(now + self._ntp_offset),
                stream.timestamp_at(now),
                stream.ssrc_packets_sent & 0xFFFF_FFFF,
                stream.ssrc_octets_sent & 0xFFFF_FFFF,
            )
        return compound_packets(stream.ssrc, self._cname, sender_info, self._sources.reports(now), leaving=leaving)

    def resolve_collision(self, now: float) -> None:
        """Leave our SSRC to the peer; the old one says BYE with the next packets (RFC 3550 section 8.2)."""
        if self._stream.ssrcs_used > MAX_COLLISIONS:
            return  # and it does no harm: each direction has its own keys and its own table
        self._waiting += self.report(now, leaving=True)
        self._sent_at_reports = (0, 0)
        self._stream.change_ssrc(self._sources)

    def _handle(self, member: rtcp.Member, now: float) -> None:
        match member:
            case rtcp.SenderReport() | rtcp.ReceiverReport():
                self._handle_report(member, now)
            case rtcp.Goodbye():
                for ssrc in member.ssrcs:
                    source = self._sources.get(ssrc)
                    if source is not None and source.departed_at is None:
                        source.depart(now)
            case rtcp.Feedback():
                self.feedback.receive(member, now)

    def _handle_report(self, member: rtcp.SenderReport | rtcp.ReceiverReport, now: float) -> None:
        self.circuit.note_heard(now)
        if member.ssrc == self._stream.ssrc:
            self.resolve_collision(now)
        source = self._sources.get(member.ssrc)
        if source is not None:
            source.note_heard(now)
            if isinstance(member, rtcp.SenderReport):
                source.note_sender_report(member.ntp_time, now)
        for report in member.reports:
            if report.ssrc == self._stream.ssrc:
                self.remote.receive(
                    report,
                    self._stream.clock_rate,
                    self._stream.sequence_number,
                    ntp_time=ntp_from_unix(now + self._ntp_offset),
                    now=now,
                )
                self.circuit.note_report(report.highest_sequence, self._stream.packets_sent, now)

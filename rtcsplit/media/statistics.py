"""What an RTP session has seen, in the words of W3C ``getStats`` (octets where it says bytes)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RtpStatistics", "SourceStatistics"]


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """One source of the peer that is heard now (``inbound-rtp``).

    Attributes:
        ssrc: its identifier.
        packets_received: packets that counted; those of probation do not.
        octets_received: their payload octets.
        packets_lost: expected less received; negative with duplicates.
        jitter: interarrival jitter in seconds (RFC 3550 section 6.4.1).
    """

    ssrc: int
    packets_received: int
    octets_received: int
    packets_lost: int
    jitter: float


@dataclass(frozen=True, slots=True)
class RtpStatistics:
    """Totals of a session, since its beginning.

    Attributes:
        packets_received: of all sources, departed ones included.
        octets_received: their payload octets.
        packets_lost: of all sources, departed ones included.
        jitter: of the source heard last, in seconds; 0 before the first.
        packets_sent: RTP packets made.
        octets_sent: their payload octets.
        round_trip_time: seconds, from the peer's latest report on us; None before the first that tells it.
        fraction_lost: of our packets over the peer's latest interval, 0..1; None before its first report.
        remote_packets_lost: of our packets in all, as the peer counts; None before its first report.
        remote_jitter: as the peer measures it, in seconds; None before its first report.
        rtcp_members_skipped: RTCP packets inside received datagrams that are unknown or broken.
        feedback_received: feedback messages about our source.
        feedback_ignored: feedback messages about sources that are not ours, and those beyond 100 a second.
        nacks_received: NACK messages about our source (``nackCount`` of ``outbound-rtp``).
        nacks_sent: ours (``nackCount`` of ``inbound-rtp``).
        packets_repaired: of the peer's, that came after we had asked for them.
        packets_resent: our packets that were sent again (``retransmittedPacketsSent``).
        octets_resent: their octets, with headers and SRTP tag.
        transport_feedback_sent: our transport-wide feedback messages.
        key_frame_requests: PLI and FIR about our source that a sender of video would have heeded.
        packets_withheld: packets that were not sent because the peer had stopped reporting.
        sources: one entry per source heard now.
    """

    packets_received: int
    octets_received: int
    packets_lost: int
    jitter: float
    packets_sent: int
    octets_sent: int
    round_trip_time: float | None
    fraction_lost: float | None
    remote_packets_lost: int | None
    remote_jitter: float | None
    rtcp_members_skipped: int
    feedback_received: int
    feedback_ignored: int
    nacks_received: int
    nacks_sent: int
    packets_repaired: int
    packets_resent: int
    octets_resent: int
    transport_feedback_sent: int
    key_frame_requests: int
    packets_withheld: int
    sources: tuple[SourceStatistics, ...]

"""Packets kept for a NACK: what is sent again, and how much of it."""

from __future__ import annotations

from rtcsplit.media.packet_history import (
    DEFAULT_ROUND_TRIP_TIME,
    MAX_AGE,
    MAX_CREDIT,
    MAX_PACKETS,
    RESEND_SHARE,
    PacketHistory,
)

SSRC = 0x01020304


def datagram(number: int, *, size: int = 200, ssrc: int = SSRC) -> bytes:
    head = b"\x80\x6f" + (number & 0xFFFF).to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
    return head + bytes([number & 0xFF]) * (size - len(head))


def history(count: int = 20, *, now: float = 0.0, size: int = 200) -> PacketHistory:
    kept = PacketHistory()
    for number in range(count):
        kept.keep(datagram(number, size=size), now)
    return kept


def test_what_is_sent_again_is_the_same_datagram() -> None:
    """F27: octet for octet; the packet is not protected a second time."""
    kept = history()
    assert kept.choose(SSRC, [3, 5], 0.05, 0.0) == [datagram(3), datagram(5)]
    assert (kept.packets_resent, kept.octets_resent) == (2, 400)


def test_packet_is_sent_again_at_most_once_per_round_trip() -> None:
    """F27."""
    kept = history()
    assert [n for n in range(30) if kept.choose(SSRC, [7], 4 / 64, n / 64)] == [0, 4, 8, 12, 16]
    assert kept.octets_resent == 5 * 200


def test_round_trip_that_nobody_measured_is_a_default() -> None:
    kept = history()
    assert len(kept.choose(SSRC, [7, 7], None, 0.0)) == 1
    assert not kept.choose(SSRC, [7], None, DEFAULT_ROUND_TRIP_TIME - 0.001)
    assert kept.choose(SSRC, [7], None, DEFAULT_ROUND_TRIP_TIME)


def test_round_trip_of_zero_does_not_lift_the_limit() -> None:
    """T23: the peer's reports say what the round trip is."""
    kept = history()
    assert len([n for n in range(50) if kept.choose(SSRC, [7], 0.0, n / 1024)]) == 5


def test_resends_are_a_quarter_of_what_was_sent() -> None:
    """F27, T23: 10,000 NACKs in a second about the same 100 packets, while 50 packets of 200 octets are sent."""
    kept = PacketHistory()
    sent = 0
    for step in range(10_000):
        now = step / 10_000
        if step % 200 == 0:
            kept.keep(datagram(step // 200), now)
            sent += 200
        kept.choose(SSRC, range(100), 0.02, now)
        assert kept.octets_resent <= RESEND_SHARE * sent
    assert kept.octets_resent == 12 * 200


def test_credit_does_not_grow_without_end() -> None:
    """F27: after an hour without loss the burst is still bounded."""
    kept = history(5_000)
    numbers = range(5_000 - MAX_PACKETS, 5_000)
    assert sum(map(len, kept.choose(SSRC, numbers, 0.05, 0.0))) <= MAX_CREDIT


def test_memory_is_bounded_by_number_and_age() -> None:
    kept = history(MAX_PACKETS + 10)
    assert len(kept) == MAX_PACKETS
    assert kept.choose(SSRC, [9], 0.05, 0.0) == []
    assert kept.choose(SSRC, [10], 0.05, MAX_AGE) == [datagram(10)]
    assert kept.choose(SSRC, [11], 0.05, MAX_AGE + 0.001) == []
    assert len(kept) == 0


def test_unknown_numbers_and_sources_get_nothing() -> None:
    """F29: a packet sent under an SSRC that we left is not that of the new one."""
    kept = history()
    assert kept.choose(SSRC, [20, 65_535], 0.05, 0.0) == []
    assert kept.choose(SSRC + 1, [3], 0.05, 0.0) == []


def test_numbers_wrap() -> None:
    kept = PacketHistory()
    for number in (65_534, 65_535, 65_536, 65_537):
        kept.keep(datagram(number, size=1000), 0.0)
    assert kept.choose(SSRC, [0], 0.05, 0.0) == [datagram(0, size=1000)]

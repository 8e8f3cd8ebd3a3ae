"""What is sent: fragments, windows, losses, and what is given up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.sctp_chunks import MAX_PAYLOAD, Data, ForwardTsn, Sack
from rtcsplit.session.sctp_congestion import RTO_INITIAL, RTO_MAX, RTO_MIN, CongestionWindow, RetransmissionTimeout
from rtcsplit.session.sctp_outbound import MAX_RETRANSMISSIONS, Outbound
from rtcsplit.session.sctp_packet import MAX_PACKET, ChunkType, Packet, build_packet, parse_packet
from rtcsplit.session.sctp_send_queue import LOW_WATER, MAX_QUEUED, OutboundMessage, SendQueue

START = 0xFFFF_FFF8
MTU = MAX_PACKET - 12


def tsn(n: int) -> int:
    return (START + n) & 0xFFFF_FFFF


def outbound(*, can_forward: bool = True, window: int = 1_048_576) -> Outbound:
    found = Outbound(START)
    found.start(window, can_forward=can_forward)
    return found


def sent(chunks: Sequence[bytes]) -> list[Data | ForwardTsn]:
    parsed: list[Data | ForwardTsn] = []
    for chunk in chunks:
        packet = parse_packet(build_packet(5000, 5000, 1, [chunk]))
        assert isinstance(packet, Packet)
        kind = Data if packet.chunks[0].type == ChunkType.DATA else ForwardTsn
        value = kind.parse(packet.chunks[0])
        assert value is not None
        parsed.append(value)
    return parsed


def numbers(chunks: Sequence[bytes]) -> list[int]:
    """Offsets from the first TSN of the DATA chunks among ``chunks``."""
    return [(value.tsn - START) & 0xFFFF_FFFF for value in sent(chunks) if isinstance(value, Data)]


def full(count: int = 1, **options: object) -> list[OutboundMessage]:
    return [OutboundMessage(1, 53, bytes(MAX_PAYLOAD), **options) for _ in range(count)]  # type: ignore[arg-type]


# the queue


def test_messages_are_cut_and_numbered_by_stream() -> None:
    queue = SendQueue()
    queue.add(OutboundMessage(1, 51, b"a" * (2 * MAX_PAYLOAD + 1)))
    queue.add(OutboundMessage(1, 51, b"b"))
    queue.add(OutboundMessage(3, 51, b"c"))
    queue.add(OutboundMessage(3, 51, b"d", is_ordered=False))
    found = []
    while (fragment := queue.next_fragment(0.0)) is not None:
        found.append(fragment)
    summary = [(f.message.stream_id, f.message.ssn, len(f.payload), f.is_first, f.is_last) for f in found]
    assert summary == [
        (1, 0, MAX_PAYLOAD, True, False),
        (1, 0, MAX_PAYLOAD, False, False),
        (1, 0, 1, False, True),
        (3, 0, 1, True, True),  # streams take turns by message
        (1, 1, 1, True, True),
        (3, 0, 1, True, True),
    ]
    assert (queue.queued, bool(queue), queue.has_message(1), queue.octets(1)) == (0, False, False, 0)


def test_the_queue_is_bounded_and_says_when_it_has_room() -> None:
    queue = SendQueue()
    for _ in range(MAX_QUEUED // (65_536 + 256)):
        queue.add(OutboundMessage(1, 53, bytes(65_536)))
    with pytest.raises(UsageError):
        queue.add(OutboundMessage(1, 53, bytes(65_536)))
    queue.add(OutboundMessage(1, 50, b"\x02"), is_exempt=True)
    before = queue.octets(1)
    assert before == 31 * 65_536 + 1
    while queue.octets(1) > LOW_WATER:
        assert queue.drained == []
        queue.next_fragment(0.0)
    assert queue.drained == [1]


def test_what_expires_before_it_leaves_costs_no_number() -> None:
    queue = SendQueue()
    queue.add(OutboundMessage(1, 53, b"late", expires_at=1.0))
    queue.add(OutboundMessage(1, 53, b"fine"))
    fragment = queue.next_fragment(1.0)
    assert fragment is not None
    assert (fragment.payload, fragment.message.ssn) == (b"fine", 0)
    assert queue.queued == 0


def test_discarding_a_stream_leaves_the_others() -> None:
    queue = SendQueue()
    for stream_id in (1, 3, 1):
        queue.add(OutboundMessage(stream_id, 53, b"x"))
    queue.discard_stream(1)
    fragment = queue.next_fragment(0.0)
    assert fragment is not None
    assert fragment.message.stream_id == 3
    assert queue.next_fragment(0.0) is None
    assert queue.queued == 0


# congestion control


def test_slow_start_congestion_avoidance_and_recovery() -> None:
    """RFC 9260 sections 7.2.1 to 7.2.4, in octets."""
    window = CongestionWindow()
    assert window.size == 4404
    window.acknowledged(10 * MTU, 1, was_full=True)
    assert window.size == 4404 + MTU
    window.acknowledged(10 * MTU, 2, was_full=False)
    assert window.size == 4404 + MTU
    window.size = 20 * MTU
    assert window.lost(30)
    assert (window.size, window.threshold) == (10 * MTU, 10 * MTU)
    assert not window.lost(31)
    window.acknowledged(5 * MTU, 29, was_full=True)
    assert window.is_recovering
    window.acknowledged(5 * MTU, 30, was_full=True)
    assert not window.is_recovering
    window.size = window.threshold + 1
    for _ in range(10):
        window.acknowledged(MTU, 31, was_full=True)
    assert window.size == 10 * MTU + 1
    window.acknowledged(MTU, 31, was_full=True)
    assert window.size == 11 * MTU + 1
    window.timed_out()
    assert window.size == MTU


def test_an_idle_window_shrinks() -> None:
    window = CongestionWindow()
    window.size = 64 * MTU
    window.sent(0.0, 0.5)
    window.sent(1.1, 0.5)
    assert window.size == 16 * MTU
    window.sent(1000.0, 0.5)
    assert window.size == 4 * MTU


def test_the_timeout_follows_the_round_trip() -> None:
    """RFC 9260 section 6.3, with bounds of ours."""
    rto = RetransmissionTimeout()
    assert rto.seconds == RTO_INITIAL
    for _ in range(50):
        rto.measured(0.01)
    assert rto.seconds == RTO_MIN
    rto.measured(0.8)
    assert rto.seconds > 0.8
    for _ in range(20):
        rto.back_off()
    assert rto.seconds == RTO_MAX


# sending


def test_no_more_leaves_than_the_window_allows() -> None:
    out = outbound()
    for message in full(20):
        out.queue.add(message)
    assert len(out.chunks_to_send(0.0)) == 4  # 4,404 octets
    assert out.chunks_to_send(0.0) == []
    out.receive_sack(Sack(tsn(3), 1_048_576), 0.05)
    assert len(out.chunks_to_send(0.05)) == 5


def test_the_peers_window_is_kept_and_probed() -> None:
    """RFC 9260 section 6.1 A: with nothing outstanding one chunk asks whether there is room again."""
    out = outbound(window=1500)
    for message in full(3):
        out.queue.add(message)
    assert numbers(out.chunks_to_send(0.0)) == [0]
    out.receive_sack(Sack(tsn(0), 0), 0.05)
    assert numbers(out.chunks_to_send(0.05)) == [1]
    assert out.timer_at is not None
    out.receive_sack(Sack(tsn(0), 0), 0.1)
    assert out.chunks_to_send(0.1) == []
    out.handle_timer(out.timer_at)
    assert numbers(out.chunks_to_send(5.0)) == [1]


def test_the_last_chunk_asks_for_its_sack_at_once() -> None:
    """RFC 7053."""
    out = outbound()
    for message in full(2):
        out.queue.add(message)
    assert [value.is_immediate for value in sent(out.chunks_to_send(0.0)) if isinstance(value, Data)] == [False, True]


def lossy(out: Outbound, *messages: OutboundMessage) -> None:
    """Everything leaves at 0.0; the first chunk is reported missing three times, with the others' arrival."""
    for message in messages:
        out.queue.add(message)
    assert numbers(out.chunks_to_send(0.0)) == [0, 1, 2, 3]
    for n in (1, 2, 3):
        out.receive_sack(Sack(tsn(-1), 1_048_576, ((2, n + 1),)), 0.05)


def test_three_misses_repeat_a_chunk_at_once() -> None:
    out = outbound()
    lossy(out, *full(4))
    assert numbers(out.chunks_to_send(0.05)) == [0]
    out.receive_sack(Sack(tsn(3), 1_048_576), 0.1)
    assert out.timer_at is None
    assert out.is_idle


def test_a_lost_repetition_is_noticed_by_sacks() -> None:
    """What was sent after the repetition arrives, and it does not."""
    out = outbound()
    lossy(out, *full(9))
    assert numbers(out.chunks_to_send(0.05)) == [0, 4, 5, 6]
    for n in (4, 5, 6):
        assert 0 not in numbers(out.chunks_to_send(0.06))
        out.receive_sack(Sack(tsn(-1), 1_048_576, ((2, n + 1),)), 0.1)
    assert numbers(out.chunks_to_send(0.1))[0] == 0


def test_what_was_sent_before_a_repetition_says_nothing_of_it() -> None:
    """Five in flight when the first is repeated: their arrival, later, is no sign that the repetition is lost."""
    out = outbound()
    out.queue.add(full()[0])
    out.chunks_to_send(0.0)
    out.receive_sack(Sack(tsn(0), 1_048_576), 0.02)
    for message in full(8):
        out.queue.add(message)
    flying = numbers(out.chunks_to_send(0.03)) + numbers(out.chunks_to_send(0.03))
    assert flying[0] == 1
    out.receive_sack(Sack(tsn(0), 1_048_576, ((2, 2),)), 0.05)
    flying += numbers(out.chunks_to_send(0.05))
    for n in (2, 3):
        out.receive_sack(Sack(tsn(0), 1_048_576, ((2, n + 1),)), 0.05)
    repeated = numbers(out.chunks_to_send(0.05))
    assert repeated[0] == 1
    for n in [n for n in flying if n > 3]:
        out.receive_sack(Sack(tsn(0), 1_048_576, ((2, n),)), 0.06)
    assert 1 not in numbers(out.chunks_to_send(0.06))


def test_the_timer_repeats_everything_even_what_gaps_acknowledged() -> None:
    """RFC 9260 section 6.3.3; the peer may have reneged."""
    out = outbound()
    for message in full(3):
        out.queue.add(message)
    out.chunks_to_send(0.0)
    out.receive_sack(Sack(tsn(-1), 1_048_576, ((2, 2),)), 0.05)
    assert out.timer_at is not None
    due = out.timer_at
    out.handle_timer(due - 0.001)
    assert out.chunks_to_send(due) == []
    out.handle_timer(due)
    repeated = numbers(out.chunks_to_send(due))
    assert repeated[0] == 0
    out.receive_sack(Sack(tsn(0), 1_048_576), due)
    assert numbers(out.chunks_to_send(due)) == [n for n in (1, 2) if n not in repeated]


def test_silence_fails_after_ten_repetitions() -> None:
    out = outbound()
    out.queue.add(full()[0])
    now = 0.0
    for _ in range(MAX_RETRANSMISSIONS + 1):
        assert not out.has_failed
        out.chunks_to_send(now)
        assert out.timer_at is not None
        now = out.timer_at
        out.handle_timer(now)
    assert out.has_failed
    assert now < 120


def test_hostile_sacks_change_nothing() -> None:
    out = outbound()
    for message in full(3):
        out.queue.add(message)
    out.chunks_to_send(0.0)
    assert out.receive_sack(Sack(tsn(3), 1_048_576), 0.1) is DropReason.SCTP_UNEXPECTED  # never sent
    assert out.receive_sack(Sack(tsn(-2), 0), 0.1) is None  # overtaken
    assert out.receive_sack(Sack(tsn(-1), 1_048_576, ((1, 1), (3, 65_535))), 0.1) is None
    assert out.receive_sack(Sack(tsn(2), 1_048_576), 0.1) is None
    assert out.is_idle


# giving up


def test_a_message_without_repetitions_is_given_up_when_lost() -> None:
    """H10, RFC 3758 section 3.5."""
    out = outbound()
    lossy(out, *full(4, max_retransmits=0))
    assert sent(out.chunks_to_send(0.05)) == [ForwardTsn(tsn(0), ((1, 0),))]
    out.receive_sack(Sack(tsn(3), 1_048_576), 0.1)
    assert out.is_idle
    assert out.timer_at is None


def test_a_lost_forward_tsn_is_repeated() -> None:
    out = outbound()
    out.queue.add(full(1, max_retransmits=0)[0])
    out.chunks_to_send(0.0)
    for _ in range(3):
        assert out.timer_at is not None
        now = out.timer_at
        out.handle_timer(now)
        assert sent(out.chunks_to_send(now)) == [ForwardTsn(tsn(0), ((1, 0),))]
    out.receive_sack(Sack(tsn(0), 1_048_576), now)
    assert out.timer_at is None


def test_giving_up_half_a_message_gives_up_all_of_it() -> None:
    """H10: a TSN that never leaves stands for the rest, so that the peer forgets what it has."""
    out = outbound()
    out.queue.add(OutboundMessage(1, 53, bytes(20 * MAX_PAYLOAD), max_retransmits=0))
    out.queue.add(OutboundMessage(1, 53, b"next"))
    assert numbers(out.chunks_to_send(0.0)) == [0, 1, 2, 3]
    for n in (1, 2, 3):
        out.receive_sack(Sack(tsn(-1), 1_048_576, ((2, n + 1),)), 0.05)
    forward, following = sent(out.chunks_to_send(0.05))
    assert forward == ForwardTsn(tsn(4), ((1, 0),))
    assert isinstance(following, Data)
    assert (following.tsn, following.ssn, following.payload) == (tsn(5), 1, b"next")


def test_unordered_messages_name_no_stream_when_given_up() -> None:
    out = outbound()
    lossy(out, *full(4, max_retransmits=0, is_ordered=False))
    assert sent(out.chunks_to_send(0.05)) == [ForwardTsn(tsn(0))]


def test_lifetime_ends_repetitions() -> None:
    out = outbound()
    lossy(out, *full(4, expires_at=0.05))
    assert sent(out.chunks_to_send(0.05)) == [ForwardTsn(tsn(0), ((1, 0),))]


def test_nothing_is_given_up_without_the_peers_consent() -> None:
    """A peer without FORWARD TSN gets everything."""
    out = outbound(can_forward=False)
    lossy(out, *full(4, max_retransmits=0))
    assert numbers(out.chunks_to_send(0.05)) == [0]


def test_a_reset_stream_is_not_skipped_any_more() -> None:
    out = outbound()
    lossy(out, *full(4, max_retransmits=0))
    out.reset_stream(1)
    assert sent(out.chunks_to_send(0.05)) == [ForwardTsn(tsn(0))]

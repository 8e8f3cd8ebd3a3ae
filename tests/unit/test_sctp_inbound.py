"""What arrives: TSNs, reassembly, order, windows."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable

from rtcsplit.drops import DropReason
from rtcsplit.session.sctp_chunks import MAX_PAYLOAD, Data, ForwardTsn
from rtcsplit.session.sctp_inbound import MAX_STREAMS, SACK_DELAY, WINDOW, Inbound
from rtcsplit.session.sctp_ordering import InboundOrder
from rtcsplit.session.sctp_reassembly import Reassembly
from rtcsplit.session.sctp_tsn import MAX_AHEAD, TsnTracker

START = 0xFFFF_FFF0  # every test crosses the wrap


def tsn(n: int) -> int:
    return (START + n) & 0xFFFF_FFFF


def fragments(payload: bytes, size: int, *, at: int = 0, ssn: int = 0, unordered: bool = False) -> list[Data]:
    """``payload`` cut into chunks whose TSNs begin at ``at``."""
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)]
    last = len(pieces) - 1
    return [Data(tsn(at + i), 1, ssn, 53, p, i == 0, i == last, unordered) for i, p in enumerate(pieces)]


def feed(inbound: Inbound, chunks: Iterable[Data], now: float = 0.0) -> list[DropReason | None]:
    """One packet for each chunk."""
    reasons = []
    for chunk in chunks:
        reasons.append(inbound.receive_data(chunk))
        inbound.packet_received(now)
    return reasons


def payloads(inbound: Inbound) -> list[bytes]:
    found = [message.data for message in inbound.messages]
    inbound.messages.clear()
    return found


# TSNs


def test_the_tracker_agrees_with_a_set() -> None:
    tracker, seen = TsnTracker(START), set()
    order = list(range(300))
    random.Random(1).shuffle(order)
    for n in order:
        assert not tracker.has(tsn(n))
        tracker.add(tsn(n))
        seen.add(n)
        lowest = next(k for k in range(301) if k not in seen)
        assert tracker.cumulative == tsn(lowest - 1)
        ahead = {lowest - 1 + k for first, last in tracker.gaps(1000) for k in range(first, last + 1)}
        assert ahead == {k for k in seen if k > lowest}
        assert tracker.has_gap == bool(ahead)
        assert tracker.has(tsn(n))
    assert tracker.gaps(10) == ()


def test_forward_gives_up_what_is_missing() -> None:
    tracker = TsnTracker(START)
    for n in (2, 5, 6):
        tracker.add(tsn(n))
    assert not tracker.forward(tsn(-1))
    assert tracker.forward(tsn(4))
    assert tracker.cumulative == tsn(6)
    assert tracker.forward(tsn(6 + 2 * MAX_AHEAD))
    assert tracker.gaps(10) == ()


# reassembly


def test_fragments_in_any_order_make_the_message() -> None:
    payload = random.Random(2).randbytes(1000)
    for seed in range(20):
        reassembly, chunks = Reassembly(), fragments(payload, 37)
        random.Random(seed).shuffle(chunks)
        found = [reassembly.add(chunk) for chunk in chunks]
        assert [message.payload for message in found if isinstance(message, Data)] == [payload]
        assert isinstance(found[-1], Data)
        assert (len(reassembly), reassembly.held) == (0, 0)


def test_fragments_of_different_messages_never_join() -> None:
    reassembly = Reassembly()
    purge_at = 10
    begin = Data(tsn(0), 1, 0, 53, b"a", True, False)
    for end in (
        Data(tsn(1), 2, 0, 53, b"b", False, True),
        Data(tsn(1), 1, 1, 53, b"b", False, True),
        Data(tsn(1), 1, 0, 53, b"b", False, True, is_unordered=True),
        Data(tsn(2), 1, 0, 53, b"b", False, True),
        Data(tsn(1), 1, 0, 53, b"b", True, False),
    ):
        assert reassembly.add(begin) == 1
        assert reassembly.add(end) == 1
        reassembly.purge(tsn(purge_at := purge_at + 1))
        assert reassembly.held == 0


def test_purging_keeps_what_can_still_be_completed() -> None:
    reassembly = Reassembly()
    reassembly.add(Data(tsn(3), 1, 0, 53, b"a", True, False))
    reassembly.purge(tsn(3))
    assert len(reassembly) == 1
    assert isinstance(reassembly.add(Data(tsn(4), 1, 0, 53, b"b", False, True)), Data)


# order


def ordered(ssn: int, stream_id: int = 1) -> Data:
    return Data(tsn(ssn), stream_id, ssn & 0xFFFF, 53, b"%d" % ssn)


def test_messages_wait_for_their_turn() -> None:
    order = InboundOrder()
    assert list(order.take(ordered(2))) == []
    assert list(order.take(ordered(0, stream_id=2))) == [ordered(0, stream_id=2)]
    assert list(order.take(ordered(0))) == [ordered(0)]
    assert order.held > 0
    assert list(order.take(ordered(1))) == [ordered(1), ordered(2)]
    assert list(order.take(ordered(1))) == []  # behind its turn
    assert order.held == 0


def test_skipping_delivers_what_waited_behind() -> None:
    order = InboundOrder()
    for ssn in (1, 3, 5):
        list(order.take(ordered(ssn)))
    assert list(order.skip(1, 3)) == [ordered(1), ordered(3)]
    assert list(order.skip(1, 2)) == []
    assert list(order.skip(1, 4)) == [ordered(5)]
    assert order.held == 0


def test_order_holds_across_the_wrap_of_sequence_numbers() -> None:
    order = InboundOrder()
    assert [len(list(order.take(ordered(ssn)))) for ssn in range(65_540)] == [1] * 65_540


def test_a_reset_begins_anew_and_forgets() -> None:
    order = InboundOrder()
    list(order.take(ordered(0)))
    list(order.take(ordered(5)))
    order.reset((1, 7))
    assert (order.held, len(order)) == (0, 0)
    assert list(order.take(ordered(0))) == [ordered(0)]


# acknowledgements


def test_every_second_packet_is_acknowledged_at_once() -> None:
    inbound = Inbound(START, 65_536)
    feed(inbound, fragments(b"a", 1))
    assert inbound.sack_at == 0.0  # the first one of an association
    assert inbound.sack().cumulative_tsn == tsn(0)
    feed(inbound, fragments(b"b", 1, at=1, ssn=1), now=5.0)
    assert inbound.sack_at == 5.0 + SACK_DELAY
    feed(inbound, fragments(b"c", 1, at=2, ssn=2), now=5.05)
    assert inbound.sack_at == 5.05


def test_gaps_duplicates_and_wishes_are_acknowledged_at_once() -> None:
    inbound = Inbound(START, 65_536)
    feed(inbound, fragments(b"a", 1))
    inbound.sack()
    feed(inbound, [Data(tsn(1), 1, 1, 53, b"b", is_immediate=True)], now=1.0)
    assert inbound.sack_at == 1.0
    inbound.sack()
    feed(inbound, [Data(tsn(3), 1, 3, 53, b"d")], now=2.0)
    assert inbound.sack_at == 2.0
    assert inbound.sack().gaps == ((2, 2),)
    feed(inbound, [Data(tsn(3), 1, 3, 53, b"d")], now=3.0)
    assert inbound.sack_at == 3.0
    assert inbound.sack().duplicates == (tsn(3),)
    feed(inbound, [Data(tsn(2), 1, 2, 53, b"c")], now=4.0)  # closes the gap
    assert inbound.sack_at == 4.0
    assert payloads(inbound) == [b"a", b"b", b"c", b"d"]


# bounds


def test_a_message_that_never_ends_is_cut_off_early() -> None:
    """H5: fragments of a 10 MB message; at 64 KiB the association has reason to end, and memory stays small."""
    inbound = Inbound(START, 65_536)
    tracemalloc.start()
    refused = 0
    for n in range(10_000_000 // MAX_PAYLOAD):
        chunk = Data(tsn(n), 1, 0, 53, bytes(MAX_PAYLOAD), n == 0, False)
        refused += inbound.receive_data(chunk) is not None
        if inbound.violation is not None:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert inbound.violation is not None
    assert refused == 1
    assert peak < 256 * 1024


def test_unfinished_messages_take_one_window() -> None:
    """H5: every kind of fragment that completes nothing, all TSNs but the first; memory under 2 MiB."""
    for size in (1, 100, MAX_PAYLOAD):
        inbound = Inbound(START, 65_536)
        tracemalloc.start()
        for n in range(1, 20_000):
            payload = bytes([n & 0xFF]) * size  # a buffer of its own
            inbound.receive_data(Data(tsn(n), n % MAX_STREAMS, 0, 53, payload, is_first=n % 2 == 0, is_last=False))
            inbound.packet_received(0.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert inbound.violation is None
        assert inbound.held <= WINDOW
        assert peak < 2 * WINDOW, size


def test_a_full_window_still_takes_the_next_tsn() -> None:
    """H5: otherwise the gap could never be closed."""
    inbound = Inbound(START, 65_536)
    reasons = feed(inbound, (Data(tsn(n), 1, n, 53, bytes(1000)) for n in range(1, 2000)))
    assert set(reasons) == {None, DropReason.SCTP_LIMIT}
    taken = reasons.count(None)
    assert inbound.sack().window < 2000
    assert feed(inbound, [Data(tsn(0), 1, 0, 53, bytes(1000))]) == [None]
    assert len(payloads(inbound)) == taken + 1
    assert inbound.sack().window == WINDOW


def test_sequence_numbers_that_never_come_end_the_association() -> None:
    """H5: complete messages in TSN order whose turn never comes cannot be an honest peer's."""
    inbound = Inbound(START, 65_536)
    for n in range(3000):
        inbound.receive_data(Data(tsn(n), 1, n + 1, 53, bytes(1000)))
        if inbound.violation is not None:
            break
    assert inbound.violation is not None
    assert inbound.held <= WINDOW + WINDOW // 4


def test_tsns_far_ahead_are_refused() -> None:
    inbound = Inbound(START, 65_536)
    assert inbound.receive_data(Data(tsn(MAX_AHEAD), 1, 0, 53, b"x", is_unordered=True)) is DropReason.SCTP_LIMIT
    assert inbound.receive_data(Data(tsn(MAX_AHEAD - 1), 1, 0, 53, b"x", is_unordered=True)) is None


def test_streams_out_of_range_are_acknowledged_and_reported() -> None:
    """H5: 1,024 streams (RFC 9260 section 6.5)."""
    inbound = Inbound(START, 65_536)
    reasons = [inbound.receive_data(Data(tsn(n), MAX_STREAMS - 1 + n, 0, 53, b"x")) for n in range(2)]
    assert reasons == [None, None]
    assert inbound.unknown_streams == [MAX_STREAMS]
    assert inbound.sack().cumulative_tsn == tsn(1)
    assert len(inbound.messages) == 1


def test_data_without_user_data_ends_the_association() -> None:
    """RFC 9260 section 6.2."""
    inbound = Inbound(START, 65_536)
    assert inbound.receive_data(Data(tsn(0), 1, 0, 53, b"")) is DropReason.SCTP_MALFORMED
    assert inbound.violation is not None


# giving up


def test_forward_tsn_frees_and_delivers() -> None:
    """H10: a message that was given up blocks neither its stream nor memory (RFC 3758 section 3.6)."""
    inbound = Inbound(START, 65_536)
    feed(inbound, fragments(b"abcdef", 2, at=0, ssn=0)[1:])
    feed(inbound, fragments(b"next", 4, at=3, ssn=1))
    assert payloads(inbound) == []
    inbound.receive_forward_tsn(ForwardTsn(tsn(0), ((1, 0), (MAX_STREAMS, 0))))
    assert payloads(inbound) == [b"next"]
    assert inbound.held == 0
    assert inbound.cumulative_tsn == tsn(3)
    inbound.receive_forward_tsn(ForwardTsn(tsn(0), ((1, 7),)))  # again, and stale: no effect
    feed(inbound, fragments(b"more", 4, at=4, ssn=2))
    assert payloads(inbound) == [b"more"]

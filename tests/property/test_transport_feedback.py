"""Transport-wide feedback: what is built is read back, and no octets do harm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.wire.transport_feedback import (
    Arrival,
    TransportFeedback,
    build_transport_feedback,
    parse_transport_feedback,
)


@st.composite
def messages(draw: st.DrawFn) -> TransportFeedback:
    base, reference = draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 0xFFFFFF))
    steps = draw(st.lists(st.tuples(st.integers(1, 9_000), st.integers(-0x8000, 0x7FFF)), max_size=60))
    index, ticks, arrivals = -1, reference * 256, []
    for step, delta in steps:
        if index + step >= 0xFFFF:
            break
        index, ticks = index + step, ticks + delta
        arrivals.append(Arrival((base + index) & 0xFFFF, ticks))
    count = draw(st.integers(max(1, index + 1), 0xFFFF))
    return TransportFeedback(base, count, reference, draw(st.integers(0, 255)), tuple(arrivals))


@given(messages())
def test_parse_after_build_is_identity(message: TransportFeedback) -> None:
    """F30: any pattern of losses and any deltas."""
    octets = build_transport_feedback(message)
    assert len(octets) % 4 == 0
    assert parse_transport_feedback(octets) == message


@given(st.one_of(st.binary(max_size=120), messages().map(build_transport_feedback)), st.data())
def test_any_octets_are_read_or_refused(octets: bytes, data: st.DataObject) -> None:
    """F30: nothing raises, and what is read is never more than the octets pay for."""
    if octets:
        place = data.draw(st.integers(0, len(octets) - 1))
        octets = octets[:place] + data.draw(st.binary(min_size=1, max_size=3)) + octets[place + 1 :]
    message = parse_transport_feedback(octets)
    if message is not None:
        assert len(message.arrivals) <= len(octets)
        distances = [(arrival.sequence_number - message.base) & 0xFFFF for arrival in message.arrivals]
        assert distances == sorted(set(distances))
        assert all(distance < message.count for distance in distances)

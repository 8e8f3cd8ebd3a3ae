"""The stream that we send is numbered alike in Python and in C, whatever is sent when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtcsplit._native._rtcsplit import ffi, lib
from rtcsplit._native.rtp_stream import NativeStream

STEPS = st.tuples(
    st.sampled_from([(111, 48_000, 960), (111, 48_000, 2880), (0, 8_000, 160)]),
    st.none() | st.integers(0, 1 << 33).map(lambda gap: gap & 0xFFFF_FFFF),
    st.booleans(),
    st.floats(0, 3) | st.sampled_from([0.0, 0.02, 0.1, 0.100001, 0.2, 90_000.0]),
    st.integers(0, 60),
)
FIELDS = ("ssrc", "timestamp", "sequence_number", "has_begun", "clock_rate", "horizon", "packets", "octets")


def in_c(stream: object, step: tuple, payload: bytes, now: float) -> bytes:
    (payload_type, clock_rate, duration), gap, marker, _, _ = step
    native = ffi.new(
        "struct rs_rtp_step *",
        {
            "payload_type": payload_type,
            "clock_rate": clock_rate,
            "duration": duration,
            "gap": gap or 0,
            "has_marker": marker,
            "is_gap_by_now": gap is None,
        },
    )
    header = ffi.new("uint8_t[12]")
    lib.rs_rtp_stream_next(stream, native, len(payload), now, header)
    return bytes(header) + payload


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF), st.lists(STEPS, max_size=30), st.integers(0, 29))
def test_packets_and_numbers_agree(first: int, timestamp: int, steps: list[tuple], restart: int) -> None:
    ours, theirs = NativeStream(), NativeStream()
    now = 1000.0
    for stream in (ours, theirs):
        stream.begin(7, first, timestamp)
    for place, step in enumerate(steps):
        (payload_type, clock_rate, duration), gap, marker, pause, size = step
        now += pause
        if place == restart:
            for stream in (ours, theirs):
                stream.begin(8, first, timestamp)
        packet = ours.packet(bytes(size), payload_type, clock_rate, duration, gap, marker, now)
        assert packet == in_c(theirs.cdata, step, bytes(size), now)
        assert [getattr(ours.cdata, name) for name in FIELDS] == [getattr(theirs.cdata, name) for name in FIELDS]

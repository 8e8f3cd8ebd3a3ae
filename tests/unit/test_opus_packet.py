"""Durations from the first octets of an Opus packet, and of any negotiated payload."""

from __future__ import annotations

import ctypes
import ctypes.util
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.media.duration import payload_duration
from rtcsplit.media.opus import OpusEncoder
from rtcsplit.media.opus_packet import opus_duration, opus_frame_count, opus_has_redundancy
from rtcsplit.session.negotiation import AudioCodec
from rtcsplit.wire import red

SPEECH = Path(__file__).parents[2] / "rtcsplit" / "cli" / "demo" / "audio" / "speech.wav"
OPUS = AudioCodec("opus", 111, 48_000, 2)
PCMU = AudioCodec("pcmu", 0, 8_000, 1)
PCMA = AudioCodec("pcma", 8, 8_000, 1)


@pytest.mark.parametrize(
    ("configuration", "milliseconds"),
    [
        (16, 2.5),
        (17, 5),
        (18, 10),
        (19, 20),
        (0, 10),
        (1, 20),
        (2, 40),
        (3, 60),
        (12, 10),
        (13, 20),
        (31, 20),
        (11, 60),
    ],
)
def test_one_frame_gives_its_step(configuration: int, milliseconds: float) -> None:
    """F18: 2.5, 5, 10, 20, 40 and 60 ms at a clock of 48,000, mono and stereo alike (RFC 6716 table 2)."""
    for stereo in (0, 4):
        assert opus_duration(bytes((configuration << 3 | stereo, 0))) == milliseconds * 48


def test_frame_count_multiplies_up_to_120_ms() -> None:
    """F18: codes 1 and 2 are two frames, code 3 says how many; more than 120 ms is no Opus packet."""
    assert opus_duration(bytes((19 << 3 | 1, 0))) == 1920
    assert opus_duration(bytes((19 << 3 | 2, 0))) == 1920
    assert opus_duration(bytes((19 << 3 | 3, 0xC6))) == 5760
    assert opus_duration(bytes((19 << 3 | 3, 7))) is None
    assert opus_duration(bytes((16 << 3 | 3, 48))) == 5760
    assert opus_duration(bytes((16 << 3 | 3, 49))) is None
    assert opus_duration(bytes((3 << 3 | 3, 3))) is None


@pytest.mark.parametrize("payload", [b"", b"\x9b", b"\x9b\x00", b"\x9b\xc0"], ids=["empty", "cut", "none", "flags"])
def test_packet_without_frames_is_refused(payload: bytes) -> None:
    assert opus_frame_count(payload) is None
    assert opus_duration(payload) is None


def test_packet_of_one_octet_is_legal() -> None:
    """F19: what discontinuous transmission sends (RFC 6716 section 3.1: a frame of length 0)."""
    assert opus_duration(bytes((19 << 3,))) == 960


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=["pcmu", "pcma"])
def test_g711_has_one_octet_per_sample(codec: AudioCodec) -> None:
    """F17: 160 octets are 20 ms at 8 kHz."""
    assert payload_duration(codec, bytes(160)) == 160
    assert payload_duration(codec, b"") is None


def test_payload_duration_of_opus_is_that_of_the_packet() -> None:
    """F18: the clock is 48,000 whatever the audio's own rate."""
    assert payload_duration(OPUS, bytes((1 << 3,))) == 960
    assert payload_duration(OPUS, b"") is None


def test_redundancy_is_seen_where_an_encoder_puts_it() -> None:
    """Speech at 24 kbit/s with and without in-band FEC; CELT has none whatever is asked."""
    with wave.open(str(SPEECH)) as file:
        frames = [file.readframes(320) for _ in range(100)]
    with_fec = OpusEncoder(sample_rate=16_000, bitrate=24_000, has_fec=True, expected_loss=20)
    without = OpusEncoder(sample_rate=16_000, bitrate=24_000, has_fec=False)
    assert sum(opus_has_redundancy(with_fec.encode(frame)) for frame in frames) > 50
    assert not any(opus_has_redundancy(without.encode(frame)) for frame in frames)
    celt = OpusEncoder(bitrate=128_000, expected_loss=20, is_speech=False)
    assert not any(opus_has_redundancy(celt.encode(bytes(1920))) for _ in range(10))


@given(st.binary(max_size=20))
def test_any_octets_say_whether_they_have_redundancy(payload: bytes) -> None:
    """The same answer as libopus gives, where its version has that question (1.4)."""
    ours = opus_has_redundancy(payload)
    library = ctypes.CDLL(ctypes.util.find_library("opus"))
    if hasattr(library, "opus_packet_has_lbrr") and payload and payload[0] & 3 != 3:
        theirs = library.opus_packet_has_lbrr(payload, len(payload))
        if theirs >= 0:
            assert ours == bool(theirs)


def test_of_red_the_packets_own_frame_counts() -> None:
    """F36."""
    opus_60_ms, opus_20_ms = b"\x18" + bytes(9), b"\xf8" + bytes(9)
    payload = red.build([red.RedBlock(111, 2880, opus_60_ms)], 111, opus_20_ms)
    assert payload_duration(AudioCodec("red", 63, 48_000, 2), payload) == 960
    assert payload_duration(AudioCodec("red", 63, 48_000, 2), payload[:3]) is None

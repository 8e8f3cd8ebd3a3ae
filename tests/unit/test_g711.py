"""PCMU and PCMA against the values of ITU-T G.711 and each other."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.errors import UsageError
from rtcsplit.media.g711 import decode_g711, encode_g711

LAWS = ["pcmu", "pcma"]
EVERY_SAMPLE = array("h", range(-32_768, 32_768))


@pytest.mark.parametrize(
    ("law", "octet", "sample"),
    [
        ("pcmu", 0xFF, 0),
        ("pcmu", 0x7F, 0),
        ("pcmu", 0x80, 32_124),
        ("pcmu", 0x00, -32_124),
        ("pcmu", 0xFE, 8),
        ("pcma", 0xD5, 8),
        ("pcma", 0x55, -8),
        ("pcma", 0xAA, 32_256),
        ("pcma", 0x2A, -32_256),
        ("pcma", 0xC5, 264),
    ],
)
def test_octets_stand_for_the_values_of_the_recommendation(law: str, octet: int, sample: int) -> None:
    """F17: tables 1 and 2, in 16-bit units."""
    assert array("h", decode_g711(law, bytes([octet]))) == array("h", [sample])


@pytest.mark.parametrize("law", LAWS)
def test_decoding_after_encoding_is_within_half_a_step(law: str) -> None:
    """All 65,536 samples: the error is at most half a step, a 32nd of the value."""
    decoded = array("h", decode_g711(law, encode_g711(law, EVERY_SAMPLE.tobytes())))
    worst = [
        sample
        for sample, back in zip(EVERY_SAMPLE, decoded, strict=True)
        if abs(sample - back) > max(16, (abs(sample) + 132) // 31) and abs(sample) < 32_600
    ]
    assert worst == []
    assert list(decoded) == sorted(decoded)


@pytest.mark.parametrize("law", LAWS)
def test_encoding_after_decoding_is_identity(law: str) -> None:
    """Every octet but one of the two zeros of PCMU."""
    octets = bytes(octet for octet in range(256) if (law, octet) != ("pcmu", 0x7F))
    assert encode_g711(law, decode_g711(law, octets)) == octets


@given(st.binary(max_size=400), st.sampled_from(LAWS))
def test_any_octets_decode_to_as_many_samples(payload: bytes, law: str) -> None:
    assert len(decode_g711(law, payload)) == 2 * len(payload)


def test_half_a_sample_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        encode_g711("pcmu", b"odd")
